#define LOG_MODULE "syscall_filter"
#include "server/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#include "base/cleanup.h"
#include "base/fail.h"

/* Newer than the headers of Debian 12; a number since Linux 5.0 is the same on all processors that matter here. */
enum {
    CALL_FCHMODAT2 = 452,
    CALL_SETXATTRAT = 463,
    CALL_REMOVEXATTRAT = 466,
    CALL_OPEN_TREE_ATTR = 467,
    CALL_FILE_SETATTR = 469,
};

enum {
#if defined(__s390x__)
    CLONE_FLAGS = 1,
#else
    CLONE_FLAGS = 0,
#endif
};

/* clang-format off */
static const int denied[] = {
    /* programs, also such that lie in memory */
    SCMP_SYS(execve), SCMP_SYS(execveat),

    /* processes: one would live on when the server is stopped, with its sockets and its lock */
    SCMP_SYS(fork), SCMP_SYS(vfork),

    /* connections: what is needed is open, or comes by accept4() */
    SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),

    /* files that an older Landlock does not keep from us */
    SCMP_SYS(truncate), SCMP_SYS(open_by_handle_at),

    /* what any Landlock lets us change of files outside; fchmod() and fchown() are left, for what is open: SQLite gives
     * its log the mode of the database and, as root, its owner */
    SCMP_SYS(chmod), SCMP_SYS(fchmodat), CALL_FCHMODAT2,
    SCMP_SYS(chown), SCMP_SYS(lchown), SCMP_SYS(fchownat),
    SCMP_SYS(setxattr), SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr), CALL_SETXATTRAT,
    SCMP_SYS(removexattr), SCMP_SYS(lremovexattr), SCMP_SYS(fremovexattr), CALL_REMOVEXATTRAT,
    SCMP_SYS(utime), SCMP_SYS(utimes), SCMP_SYS(utimensat), SCMP_SYS(futimesat), CALL_FILE_SETATTR,

    /* other processes: their priorities, processors and memory, and what is shared with them by a key */
    SCMP_SYS(setpriority), SCMP_SYS(ioprio_set), SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_setparam), SCMP_SYS(sched_setattr),
    SCMP_SYS(move_pages), SCMP_SYS(migrate_pages),
    SCMP_SYS(shmget), SCMP_SYS(shmat), SCMP_SYS(shmctl),
    SCMP_SYS(semget), SCMP_SYS(semop), SCMP_SYS(semtimedop), SCMP_SYS(semctl),
    SCMP_SYS(msgget), SCMP_SYS(msgsnd), SCMP_SYS(msgrcv), SCMP_SYS(msgctl),
    SCMP_SYS(mq_open), SCMP_SYS(mq_unlink),
    SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise), SCMP_SYS(process_mrelease), SCMP_SYS(kcmp),
#if !defined(__SANITIZE_ADDRESS__) /* which looks for leaks by it */
    SCMP_SYS(ptrace),
#endif

    /* another view of the system, in which one may be root */
    SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(chroot), SCMP_SYS(pivot_root),
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(mount_setattr),
    SCMP_SYS(open_tree), CALL_OPEN_TREE_ATTR, SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick),

    /* large and seldom used parts of the kernel */
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(personality),
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
    SCMP_SYS(fanotify_init), SCMP_SYS(io_setup), SCMP_SYS(modify_ldt),
    SCMP_SYS(splice), SCMP_SYS(tee), SCMP_SYS(vmsplice),

    /* what is left to a server that stays root */
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(acct),
    SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd), SCMP_SYS(syslog),
    SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(mknod),
    SCMP_SYS(mknodat), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex), SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
};

/* Denied where an argument, under a mask, has that value: the kernel looks at no other bits. */
static const struct {
    int call;
    unsigned argument;
    uint64_t mask, value;
} denied_with[] = {
#define WITH(bits)    (bits), (bits)
#define WITHOUT(bits) (bits), 0
#define EQUAL(value)  UINT32_MAX, (value)

    /* a listening socket that is shut down would connect with the first byte */
    { SCMP_SYS(sendto),   3, WITH(MSG_FASTOPEN) },
    { SCMP_SYS(sendmsg),  2, WITH(MSG_FASTOPEN) },
    { SCMP_SYS(sendmmsg), 3, WITH(MSG_FASTOPEN) },

    /* a program that runs as its owner, for somebody else to start */
    { SCMP_SYS(fchmod), 1, WITH(S_ISUID) },    { SCMP_SYS(fchmod), 1, WITH(S_ISGID) },
    { SCMP_SYS(creat),  1, WITH(S_ISUID) },    { SCMP_SYS(creat),  1, WITH(S_ISGID) },

    /* signals to whom a descriptor belongs */
    { SCMP_SYS(fcntl), 1, EQUAL(F_SETOWN) },   { SCMP_SYS(fcntl), 1, EQUAL(F_SETOWN_EX) },
    { SCMP_SYS(ioctl), 1, EQUAL(FIOSETOWN) },  { SCMP_SYS(ioctl), 1, EQUAL(SIOCSPGRP) },

    /* what is typed at a terminal that others read */
    { SCMP_SYS(ioctl), 1, EQUAL(TIOCSTI) },    { SCMP_SYS(ioctl), 1, EQUAL(TIOCLINUX) },

#if !defined(__SANITIZE_ADDRESS__) /* which looks for leaks from a process of its own */
    /* a process, and no thread */
    { SCMP_SYS(clone), CLONE_FLAGS, WITHOUT(CLONE_THREAD) },
#endif

    /* new namespaces, in which one may be root */
    { SCMP_SYS(clone), CLONE_FLAGS, WITH(CLONE_NEWUSER) },
    { SCMP_SYS(clone), CLONE_FLAGS, WITH(CLONE_NEWNS) },
    { SCMP_SYS(clone), CLONE_FLAGS, WITH(CLONE_NEWPID) },
    { SCMP_SYS(clone), CLONE_FLAGS, WITH(CLONE_NEWNET) },
    { SCMP_SYS(clone), CLONE_FLAGS, WITH(CLONE_NEWIPC) },
    { SCMP_SYS(clone), CLONE_FLAGS, WITH(CLONE_NEWUTS) },
    { SCMP_SYS(clone), CLONE_FLAGS, WITH(CLONE_NEWCGROUP) },
#undef WITH
#undef WITHOUT
#undef EQUAL
};

/* What they are given lies in memory, where a filter cannot look. ENOSYS is taken for an older kernel: glibc
 * falls back on clone(). */
static const int unknown[] = { SCMP_SYS(clone3), SCMP_SYS(openat2) };
/* clang-format on */

static void filter_freep(scmp_filter_ctx *filter)
{
    if (*filter != NULL)
        seccomp_release(*filter);
}

static int filter_deny_calls(scmp_filter_ctx filter)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(denied) / sizeof(denied[0]); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
    return r;
}

static int filter_deny_arguments(scmp_filter_ctx filter)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(denied_with) / sizeof(denied_with[0]); i++) {
        const struct scmp_arg_cmp when = {
            .arg = denied_with[i].argument,
            .op = SCMP_CMP_MASKED_EQ,
            .datum_a = denied_with[i].mask,
            .datum_b = denied_with[i].value,
        };
        r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), denied_with[i].call, 1, &when);
    }
    return r;
}

/* The mode is anything where no file is made. */
static int filter_deny_mode(scmp_filter_ctx filter, uint64_t made, uint64_t mode)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 2,
                             SCMP_A1_64(SCMP_CMP_MASKED_EQ, made, made),
                             SCMP_A2_64(SCMP_CMP_MASKED_EQ, mode, mode));

    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 2,
                             SCMP_A2_64(SCMP_CMP_MASKED_EQ, made, made),
                             SCMP_A3_64(SCMP_CMP_MASKED_EQ, mode, mode));
    return r;
}

/* A new program that runs as its owner, or as his group. */
static int filter_deny_modes(scmp_filter_ctx filter)
{
    static const uint64_t made[] = { O_CREAT, O_TMPFILE & ~O_DIRECTORY };
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(made) / sizeof(made[0]); i++) {
        r = filter_deny_mode(filter, made[i], S_ISUID);
        if (r == 0)
            r = filter_deny_mode(filter, made[i], S_ISGID);
    }
    return r;
}

static int filter_hide_calls(scmp_filter_ctx filter)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(unknown) / sizeof(unknown[0]); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), unknown[i], 0);
    return r;
}

/* abort() and pthread_kill() signal threads of this process; whose limits are asked for is 0 where it asks for its own. */
static int filter_deny_others(scmp_filter_ctx filter)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                             SCMP_A0_64(SCMP_CMP_NE, (uint64_t)getpid()));

    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1,
                             SCMP_A0_64(SCMP_CMP_NE, 0));
    return r;
}

int syscall_filter_enter(int *ret_on)
{
    if (RUNNING_ON_VALGRIND) {
        *ret_on = 0; /* it knows no such call, and makes some of its own that would be denied */
        return 0;
    }

    CLEANUP(filter_freep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return fail_code(ENOMEM, "memory for a filter of system calls");

    /* the kernel's own error, where it refuses */
    int r = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    if (r == 0)
        r = filter_deny_calls(filter);
    if (r == 0)
        r = filter_deny_arguments(filter);
    if (r == 0)
        r = filter_deny_modes(filter);
    if (r == 0)
        r = filter_hide_calls(filter);
    if (r == 0)
        r = filter_deny_others(filter);
    if (r != 0)
        return fail_code(-r, "make a filter of system calls");

    r = seccomp_load(filter);
    *ret_on = r == 0 ? 1 : r;
    return 0;
}
