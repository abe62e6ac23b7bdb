/* Each test runs in a process of its own, which has its calls filtered and then makes them. */
#include "server/syscall_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
        int on = -1;

        EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        EXPECT(syscall_filter_enter(&on) == 0 && on == 1);
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

#if !defined(__SANITIZE_ADDRESS__)
static void start_processes(void)
{
    EXPECT(denied(fork()));
#ifdef SYS_fork
    EXPECT(denied(syscall(SYS_fork)));
    EXPECT(denied(syscall(SYS_vfork)));
#endif
    EXPECT(denied(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0)));
    EXPECT(denied(syscall(SYS_clone, CLONE_VM | CLONE_VFORK, NULL, NULL, NULL, 0)));
}

static void starts_no_process_that_would_outlive_it(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(start_processes), 0);
}

#endif
static struct sockaddr_in other;
static int heard_fd;

/* A listening socket may become one that connects. */
static void connect_with_the_first_byte(void)
{
    struct iovec byte = { .iov_base = (void *)"x", .iov_len = 1 };
    struct mmsghdr message = {
        .msg_hdr = { .msg_name = &other,
                     .msg_namelen = sizeof(other),
                     .msg_iov = &byte,
                     .msg_iovlen = 1 },
    };
    const struct sockaddr *name = (const struct sockaddr *)&other;

    EXPECT(shutdown(heard_fd, SHUT_RDWR) == 0);
    EXPECT(denied(sendto(heard_fd, "x", 1, MSG_FASTOPEN, name, sizeof(other))));
    EXPECT(denied(sendto(heard_fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, name, sizeof(other))));
    EXPECT(denied(sendmsg(heard_fd, &message.msg_hdr, MSG_FASTOPEN)));
    EXPECT(denied(sendmmsg(heard_fd, &message, 1, MSG_FASTOPEN)));
    EXPECT(sendto(heard_fd, "x", 1, MSG_NOSIGNAL, name, sizeof(other)) < 0 && errno == EPIPE);
}

static int hear(struct sockaddr_in *ret_address)
{
    socklen_t count = sizeof(*ret_address);

    *ret_address =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, sizeof(*ret_address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &count), 0);
    return fd;
}

static void connects_by_no_socket_that_listened(void **state)
{
    struct sockaddr_in own;

    (void)state;
    heard_fd = hear(&own);
    int other_fd = hear(&other);
    assert_int_equal(in_a_child(connect_with_the_first_byte), 0);
    assert_int_equal(close(heard_fd), 0);
    assert_int_equal(close(other_fd), 0);
}

static void make_programs(void)
{
    const char *nowhere = "/nowhere/at/all";
    static const mode_t modes[] = { S_ISUID | 0755, S_ISGID | 0755 };

    for (size_t i = 0; i < 2; i++) {
        EXPECT(denied(fchmod(-1, modes[i])));
        EXPECT(denied(creat(nowhere, modes[i])));
        EXPECT(denied(open(nowhere, O_WRONLY | O_CREAT, modes[i])));
        EXPECT(denied(openat(-1, nowhere, O_RDWR | O_TMPFILE, modes[i])));
#ifdef SYS_open
        EXPECT(denied(syscall(SYS_open, nowhere, O_WRONLY | O_CREAT, modes[i])));
        EXPECT(denied(syscall(SYS_creat, nowhere, modes[i])));
#endif
        EXPECT(syscall(SYS_openat, AT_FDCWD, nowhere, O_RDONLY, modes[i]) < 0 && errno == ENOENT);
    }
    EXPECT(fchmod(-1, 0600) < 0 && errno == EBADF);
    EXPECT(syscall(SYS_openat2, AT_FDCWD, nowhere, NULL, 0) < 0 && errno == ENOSYS);
}

static void makes_no_program_that_runs_as_its_owner(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(make_programs), 0);
}

static void signal_others(void)
{
    EXPECT(denied(kill(getppid(), 0)));
    EXPECT(denied(tgkill(getppid(), getppid(), 0)));
    EXPECT(pthread_kill(pthread_self(), 0) == 0);

    const struct f_owner_ex owner = { .type = F_OWNER_PID, .pid = getppid() };
    int group = getppid();
    EXPECT(denied(fcntl(heard_fd, F_SETOWN, group)));
    EXPECT(denied(fcntl(heard_fd, F_SETOWN_EX, &owner)));
    EXPECT(denied(ioctl(heard_fd, FIOSETOWN, &group)));
    EXPECT(denied(ioctl(heard_fd, SIOCSPGRP, &group)));
    EXPECT(fcntl(heard_fd, F_GETFD) >= 0);
}

static void signals_no_other_process(void **state)
{
    struct sockaddr_in own;

    (void)state;
    heard_fd = hear(&own);
    assert_int_equal(in_a_child(signal_others), 0);
    assert_int_equal(close(heard_fd), 0);
}

static void reach_for_others(void)
{
    const uint64_t above = UINT64_C(1) << 32; /* the kernel does not look there */
    struct rlimit limit = { 0 };

    EXPECT(denied(prlimit(getppid(), RLIMIT_CORE, NULL, &limit)));
    EXPECT(getrlimit(RLIMIT_CORE, &limit) == 0);
    EXPECT(denied(ioctl(STDIN_FILENO, TIOCSTI, "x")));
    EXPECT(denied(syscall(SYS_ioctl, STDIN_FILENO, above | TIOCSTI, "x")));
    EXPECT(denied(ioctl(STDIN_FILENO, TIOCLINUX, "x")));
}

static void reaches_for_no_other_process(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(reach_for_others), 0);
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
    static const int namespaces[] = {
        CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,    CLONE_NEWNET,
        CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP,
    };

    EXPECT(denied(unshare(CLONE_NEWUSER)));
    for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
        EXPECT(denied(syscall(SYS_clone, namespaces[i] | CLONE_THREAD, NULL, NULL, NULL, 0)));
    EXPECT(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
}

static void makes_no_namespaces(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(make_namespaces), 0);
}

/* Nothing comes of them where they are not denied: no argument is good. EPERM is then said to who is not root alone. */
/* clang-format off */
static const struct {
    int number;
    const char *name;
} calls[] = {
#define CALL(name) { SCMP_SYS(name), #name }
    CALL(execve), CALL(execveat), CALL(socket), CALL(socketpair), CALL(connect), CALL(bind),
    CALL(listen), CALL(truncate), CALL(open_by_handle_at), CALL(chmod), CALL(fchmodat), CALL(chown), CALL(lchown),
    CALL(fchownat), CALL(setxattr), CALL(lsetxattr), CALL(fsetxattr), CALL(removexattr),
    CALL(lremovexattr), CALL(fremovexattr), CALL(utime), CALL(utimes), CALL(utimensat),
    CALL(futimesat), CALL(setpriority), CALL(ioprio_set), CALL(sched_setaffinity),
    CALL(sched_setscheduler), CALL(sched_setparam), CALL(sched_setattr), CALL(move_pages),
    CALL(migrate_pages), CALL(shmget), CALL(shmat), CALL(shmctl), CALL(semget), CALL(semop),
    CALL(semtimedop), CALL(semctl), CALL(msgget), CALL(msgsnd), CALL(msgrcv), CALL(msgctl),
    CALL(mq_open), CALL(mq_unlink), CALL(kill), CALL(tkill), CALL(rt_sigqueueinfo),
    CALL(rt_tgsigqueueinfo), CALL(pidfd_open), CALL(pidfd_getfd), CALL(pidfd_send_signal),
    CALL(process_vm_readv), CALL(process_vm_writev), CALL(process_madvise), CALL(process_mrelease),
    CALL(kcmp), CALL(fanotify_init), CALL(io_setup), CALL(modify_ldt), CALL(splice), CALL(tee),
    CALL(vmsplice), CALL(quotactl), CALL(quotactl_fd), CALL(syslog), CALL(unshare), CALL(setns), CALL(chroot),
    CALL(pivot_root), CALL(mount), CALL(umount2), CALL(move_mount), CALL(mount_setattr),
    CALL(open_tree), CALL(fsopen), CALL(fsconfig), CALL(fsmount), CALL(fspick), CALL(bpf),
    CALL(perf_event_open), CALL(userfaultfd), CALL(personality), CALL(io_uring_setup),
    CALL(io_uring_enter), CALL(io_uring_register), CALL(add_key), CALL(request_key), CALL(keyctl),
    CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(kexec_load),
    CALL(kexec_file_load), CALL(reboot), CALL(acct), CALL(swapon), CALL(swapoff), CALL(iopl),
    CALL(ioperm), CALL(mknod), CALL(mknodat), CALL(settimeofday), CALL(clock_settime),
    CALL(clock_adjtime), CALL(adjtimex), CALL(sethostname), CALL(setdomainname),
#if !defined(__SANITIZE_ADDRESS__)
    CALL(ptrace),
#endif
#undef CALL
    { 452, "fchmodat2" }, { 463, "setxattrat" }, { 466, "removexattrat" },
    { 467, "open_tree_attr" }, { 469, "file_setattr" },
};
/* clang-format on */

static void make_calls(void)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (calls[i].number >= 0 && !denied(syscall(calls[i].number, -1, -1, -1, -1, -1, -1))) {
            (void)fprintf(stderr, "%s: %s\n", calls[i].name, strerror(errno));
            _exit(1);
        }
}

static void makes_none_of_the_calls_that_it_has_no_use_for(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(make_calls), 0);
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

/* As a container does whose own filter knows no others. */
static void is_told_where_the_kernel_refuses(void **state)
{
    int status, on = 1;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        scmp_filter_ctx outer = seccomp_init(SCMP_ACT_ALLOW);

        EXPECT(outer != NULL);
        EXPECT(seccomp_rule_add(outer, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(seccomp), 0) == 0);
        EXPECT(seccomp_rule_add(outer, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(prctl), 1,
                                SCMP_A0_64(SCMP_CMP_EQ, PR_SET_SECCOMP)) == 0);
        EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && seccomp_load(outer) == 0);
        EXPECT(syscall_filter_enter(&on) == 0 && on == -EACCES);
        EXPECT(kill(getppid(), 0) == 0);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_no_program_not_even_one_in_memory),
#if !defined(__SANITIZE_ADDRESS__) /* which needs one */
        cmocka_unit_test(starts_no_process_that_would_outlive_it),
#endif
        cmocka_unit_test(makes_no_sockets),
        cmocka_unit_test(connects_by_no_socket_that_listened),
        cmocka_unit_test(makes_no_program_that_runs_as_its_owner),
        cmocka_unit_test(signals_no_other_process),
        cmocka_unit_test(reaches_for_no_other_process),
        cmocka_unit_test(may_abort),
        cmocka_unit_test(makes_no_namespaces),
        cmocka_unit_test(makes_none_of_the_calls_that_it_has_no_use_for),
        cmocka_unit_test(starts_threads_for_which_it_holds),
        cmocka_unit_test(is_told_where_the_kernel_refuses),
    };

    if (RUNNING_ON_VALGRIND) {
        (void)puts("1..0 # SKIP no filter under valgrind");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
