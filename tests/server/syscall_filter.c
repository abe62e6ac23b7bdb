/* Each test runs in a process of its own, which has its calls filtered and then makes them. */
#include "server/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#include "tests/check.h"

/* In a child, which says by its status whether all was as it should be. */
#define EXPECT(condition)                                                                      \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            (void)fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
            _exit(1);                                                                          \
        }                                                                                      \
    } while (false)

/* What waitpid() tells of it. */
static int in_a_child(void (*act)(void))
{
    int status;

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool on = false;

        EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        EXPECT(syscall_filter_enter(&on) == 0 && on);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static bool denied(long result)
{
    return result < 0 && errno == EPERM;
}

static void start_programs(void)
{
    static char name[] = "true";
    char *const words[] = { name, NULL };

    EXPECT(denied(execv("/bin/true", words)));
    int memory = memfd_create("program", MFD_CLOEXEC);
    EXPECT(memory >= 0 && denied(fexecve(memory, words, words + 1)));
}

static void starts_no_program_not_even_one_in_memory(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(start_programs), 0);
}

static void make_sockets(void)
{
    int both[2];

    EXPECT(denied(socket(AF_INET, SOCK_STREAM, 0)));
    EXPECT(denied(socket(AF_INET, SOCK_DGRAM, 0)));
    EXPECT(denied(socket(AF_UNIX, SOCK_STREAM, 0)));
    EXPECT(denied(socket(AF_NETLINK, SOCK_RAW, 0)));
    EXPECT(denied(socketpair(AF_UNIX, SOCK_STREAM, 0, both)));
}

static void makes_no_sockets(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(make_sockets), 0);
}

static void signal_others(void)
{
    EXPECT(denied(kill(getppid(), 0)));
    EXPECT(denied(tgkill(getppid(), getppid(), 0)));
    EXPECT(pthread_kill(pthread_self(), 0) == 0);
}

static void signals_no_other_process(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(signal_others), 0);
}

static void abort_at_once(void)
{
    abort();
}

static void may_abort(void **state)
{
    (void)state;
    int status = in_a_child(abort_at_once);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void make_namespaces(void)
{
    EXPECT(denied(unshare(CLONE_NEWUSER)));
    EXPECT(denied(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0)));
    EXPECT(denied(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, NULL, NULL, NULL, 0)));
    EXPECT(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
}

static void makes_no_namespaces(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(make_namespaces), 0);
}

static void call_rarities(void)
{
    EXPECT(denied(syscall(SYS_bpf, 0, NULL, 0)));
    EXPECT(denied(syscall(SYS_io_uring_setup, 1, NULL)));
    EXPECT(denied(syscall(SYS_keyctl, 0, 0, 0, 0, 0)));
    EXPECT(denied(syscall(SYS_userfaultfd, 0)));
    EXPECT(denied(syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL)));
    EXPECT(denied(truncate("/nowhere/at/all", 0)));
}

static void reaches_no_rare_part_of_the_kernel(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(call_rarities), 0);
}

static void *start_more(void *argument)
{
    (void)argument;
    EXPECT(denied(socket(AF_INET, SOCK_STREAM, 0)));
    return NULL;
}

static void start_threads(void)
{
    pthread_t thread;

    EXPECT(pthread_create(&thread, NULL, start_more, NULL) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
}

static void starts_threads_for_which_it_holds(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(start_threads), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_no_program_not_even_one_in_memory),
        cmocka_unit_test(makes_no_sockets),
        cmocka_unit_test(signals_no_other_process),
        cmocka_unit_test(may_abort),
        cmocka_unit_test(makes_no_namespaces),
        cmocka_unit_test(reaches_no_rare_part_of_the_kernel),
        cmocka_unit_test(starts_threads_for_which_it_holds),
    };

    if (RUNNING_ON_VALGRIND) {
        (void)puts("1..0 # SKIP no filter under valgrind");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
