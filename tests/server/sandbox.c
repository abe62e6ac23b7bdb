/*
 * Each test runs in a process of its own, which gives its rights up and then tries what it may not any more
 *
 * What the kernel's Landlock does not know yet cannot be tried: one line says so, and these tests are not run.
 */
#include "server/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#include "tests/check.h"

enum {
    NO_LANDLOCK = 0,
    FILES = 1, /* the versions that brought what is tried */
    TRUNCATE = 3,
    NET = 4,
    SCOPE = 6,
};

struct place {
    char folder[64], inside[96], outside[96], socket[96];
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/ferry-sandbox-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->inside, sizeof(place->inside), "%s/data", place->folder);
    (void)snprintf(place->outside, sizeof(place->outside), "%s/other", place->folder);
    (void)snprintf(place->socket, sizeof(place->socket), "%s/own.sock", place->folder);
    assert_int_equal(mkdir(place->inside, 0700), 0);
    int fd = creat(place->outside, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    (void)unlink(place->outside);
    (void)unlink(place->socket);
    assert_int_equal(rmdir(place->inside), 0);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static int landlock_here(void)
{
    int version = RUNNING_ON_VALGRIND ? 0
                                      : (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
                                                     LANDLOCK_CREATE_RULESET_VERSION);

    return version < 0 ? 0 : version;
}

/* Runs in a child, which says by its status whether all was as it should be: EXPECT. */
#define EXPECT(condition)                                                                      \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            (void)fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
            _exit(1);                                                                          \
        }                                                                                      \
    } while (false)

static void in_a_child(struct place *place, enum sandbox_extent extent,
                       void (*act)(const struct place *place))
{
    int status;

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int landlock = -1;
        const struct sandbox_place places[] = {
            { place->inside, SANDBOX_STORE },
            { place->socket, SANDBOX_CLEAR },
            { NULL, SANDBOX_STORE },
            { "/nowhere/at/all", SANDBOX_STORE },
        };

        EXPECT(sandbox_enter(extent, places, 4, &landlock) == 0);
        EXPECT(landlock == (extent == SANDBOX_ON ? landlock_here() : 0));
        act(place);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool denied(int result)
{
    return result < 0 && errno == EACCES;
}

static void gains_nothing(const struct place *place)
{
    (void)place;
    EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void gains_no_privileges_by_any_program(void **state)
{
    in_a_child(*state, SANDBOX_ON, gains_nothing);
    in_a_child(*state, SANDBOX_OFF, gains_nothing);
}

static void keeps_files(const struct place *place)
{
    char path[128], moved[128], link[160];

    (void)snprintf(path, sizeof(path), "%s/sub", place->inside);
    EXPECT(mkdir(path, 0700) == 0);
    EXPECT(rmdir(path) < 0); /* directories stay */
    (void)snprintf(path, sizeof(path), "%s/sub/file", place->inside);
    (void)snprintf(moved, sizeof(moved), "%s/sub/moved", place->inside);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT(fd >= 0 && write(fd, "abc", 3) == 3 && ftruncate(fd, 1) == 0);
    EXPECT(rename(path, moved) == 0 && open(moved, O_RDONLY) >= 0 && unlink(moved) == 0);
    (void)snprintf(link, sizeof(link), "%s/sub/link", place->inside);
    EXPECT(denied(symlink("/etc", link)));
}

static void keeps_files_below_the_data_directory(void **state)
{
    struct place *place = *state;
    char path[128];

    in_a_child(place, SANDBOX_ON, keeps_files);
    (void)snprintf(path, sizeof(path), "%s/sub", place->inside);
    assert_int_equal(rmdir(path), 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which may read */
static void opens_nothing_outside(const struct place *place)
{
    char path[128];

    EXPECT(denied(open(place->outside, O_RDONLY)));
    EXPECT(denied(open(place->outside, O_WRONLY)));
    EXPECT(denied(open(place->folder, O_RDONLY | O_DIRECTORY)));
    EXPECT(denied(open("/etc/passwd", O_RDONLY)));
    EXPECT(denied(mkdir(place->socket, 0700)));
    (void)snprintf(path, sizeof(path), "%s/../other", place->inside);
    EXPECT(denied(open(path, O_RDONLY)));
    EXPECT(open("/dev/urandom", O_RDONLY) >= 0);
}

static void opens_no_file_outside(void **state)
{
    in_a_child(*state, SANDBOX_ON, opens_nothing_outside);
}

#endif

static void changes_nothing_outside(const struct place *place)
{
    EXPECT(denied(open(place->outside, O_WRONLY)));
    EXPECT(denied(mkdir(place->socket, 0700)));
    EXPECT(denied(truncate(place->outside, 0)));
}

static void changes_no_file_outside(void **state)
{
    in_a_child(*state, SANDBOX_ON, changes_nothing_outside);
}

static void removes_its_socket(const struct place *place)
{
    EXPECT(unlink(place->socket) == 0);
}

static void removes_its_own_socket_at_the_end(void **state)
{
    struct place *place = *state;
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->socket);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    in_a_child(place, SANDBOX_ON, removes_its_socket);
    assert_int_equal(access(place->socket, F_OK), -1);
    (void)close(fd);
}

static void starts_nothing(const struct place *place)
{
    (void)place;
    EXPECT(denied(execl("/bin/true", "true", (char *)NULL)));
}

static void starts_no_program(void **state)
{
    in_a_child(*state, SANDBOX_ON, starts_nothing);
}

static void *try_outside(void *argument)
{
    const struct place *place = argument;

    EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    EXPECT(denied(open(place->outside, O_WRONLY)));
    return NULL;
}

static void starts_a_thread(const struct place *place)
{
    pthread_t thread;

    EXPECT(pthread_create(&thread, NULL, try_outside, (void *)place) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
}

static void holds_for_every_thread_that_is_started(void **state)
{
    in_a_child(*state, SANDBOX_ON, starts_a_thread);
}

static struct sockaddr_in heard_at;

static void connects_nowhere(const struct place *place)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    (void)place;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(denied(connect(fd, (struct sockaddr *)&heard_at, sizeof(heard_at))));
    EXPECT(denied(bind(fd, (struct sockaddr *)&any, sizeof(any))));
}

static void makes_and_awaits_no_connection(void **state)
{
    socklen_t count = sizeof(heard_at);

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    heard_at =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(bind(fd, (struct sockaddr *)&heard_at, sizeof(heard_at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&heard_at, &count), 0);
    in_a_child(*state, SANDBOX_ON, connects_nowhere);
    (void)close(fd);
}

static void signals_nobody(const struct place *place)
{
    (void)place;
    EXPECT(kill(getppid(), 0) < 0 && errno == EPERM);
    EXPECT(kill(getpid(), 0) == 0);
}

static void signals_no_other_process(void **state)
{
    in_a_child(*state, SANDBOX_ON, signals_nobody);
}

static void opens_all(const struct place *place)
{
    EXPECT(open(place->outside, O_RDWR) >= 0);
}

static void confines_nobody_who_does_not_want_it(void **state)
{
    in_a_child(*state, SANDBOX_OFF, opens_all);
}

/* In a child that has made the kernel another one first. */
static void in_a_child_after(struct place *place, void (*prepare)(void), int landlock_wanted)
{
    const struct sandbox_place places[] = { { place->inside, SANDBOX_STORE } };
    int status, landlock = -1;

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prepare();
        EXPECT(sandbox_enter(SANDBOX_ON, places, 1, &landlock) == 0);
        EXPECT(landlock == landlock_wanted);
        gains_nothing(place);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void deny(int call, int code)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    EXPECT(filter != NULL && seccomp_rule_add(filter, SCMP_ACT_ERRNO(code), call, 0) == 0);
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && seccomp_load(filter) == 0);
    seccomp_release(filter);
}

static void have_no_landlock(void)
{
    deny(SYS_landlock_create_ruleset, EOPNOTSUPP);
}

static void let_nobody_enter(void)
{
    deny(SYS_landlock_restrict_self, E2BIG);
}

static void tells_why_the_kernel_refuses(void **state)
{
    in_a_child_after(*state, have_no_landlock, -EOPNOTSUPP);
    in_a_child_after(*state, let_nobody_enter, -E2BIG);
}

static bool own_mounts(void)
{
    return unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* As systemd does for a service with InaccessiblePaths=, and no privilege is left to see below. */
static void hide_processors(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { 0 };

    EXPECT(own_mounts());
    EXPECT(mount("none", "/sys/devices", "tmpfs", 0, "mode=0") == 0);
    EXPECT(syscall(SYS_capset, &header, none) == 0);
    EXPECT(open("/sys/devices/system/cpu/online", O_PATH) < 0 && errno == EACCES);
}

static bool may_hide(void)
{
    int status = 1;

    pid_t child = fork();
    if (child == 0)
        _exit(own_mounts() ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void needs_no_library_s_file_that_is_hidden(void **state)
{
    if (may_hide())
        in_a_child_after(*state, hide_processors, landlock_here());
    else
        (void)fprintf(stderr, "not run, as nothing can be mounted here: %s\n", __func__);
}

/* With the version of Landlock that brought what is tried. */
struct trial {
    int version;
    struct CMUnitTest test;
};

#define TRIAL(version, test)                                              \
    {                                                                     \
        version, cmocka_unit_test_setup_teardown(test, set_up, tear_down) \
    }

int main(void)
{
    const struct trial trials[] = {
        TRIAL(NO_LANDLOCK, gains_no_privileges_by_any_program),
        TRIAL(NO_LANDLOCK, confines_nobody_who_does_not_want_it),
        TRIAL(FILES, keeps_files_below_the_data_directory),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* these may read */
        TRIAL(FILES, opens_no_file_outside),
#endif
        TRIAL(FILES, tells_why_the_kernel_refuses),
        TRIAL(FILES, needs_no_library_s_file_that_is_hidden),
        TRIAL(TRUNCATE, changes_no_file_outside),
        TRIAL(FILES, removes_its_own_socket_at_the_end),
        TRIAL(FILES, starts_no_program),
        TRIAL(FILES, holds_for_every_thread_that_is_started),
        TRIAL(NET, makes_and_awaits_no_connection),
        TRIAL(SCOPE, signals_no_other_process),
    };
    struct CMUnitTest tests[sizeof(trials) / sizeof(trials[0])];
    size_t count = 0;

    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
        if (landlock_here() >= trials[i].version)
            tests[count++] = trials[i].test;
        else
            (void)fprintf(stderr, "not run, as the kernel's Landlock is of version %d: %s\n",
                          landlock_here(), trials[i].test.name);
    return _cmocka_run_group_tests("sandbox", tests, count, NULL, NULL);
}
