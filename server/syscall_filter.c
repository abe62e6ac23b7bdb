#define LOG_MODULE "syscall_filter"
#include "server/syscall_filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#include "base/cleanup.h"
#include "base/fail.h"

/* clang-format off */
static const int denied[] = {
    /* programs, also such that lie in memory */
    SCMP_SYS(execve), SCMP_SYS(execveat),

    /* connections: what is needed is open, or comes by accept4() */
    SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),

    /* files that an older Landlock does not keep from us */
    SCMP_SYS(truncate), SCMP_SYS(open_by_handle_at),

    /* other processes */
    SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
#if !defined(__SANITIZE_ADDRESS__) /* which looks for leaks by it */
    SCMP_SYS(ptrace),
#endif

    /* another view of the system, in which one may be root */
    SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(chroot), SCMP_SYS(pivot_root),
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(mount_setattr),
    SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick),

    /* large and seldom used parts of the kernel */
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(personality),
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),

    /* what is left to a server that stays root */
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(acct),
    SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(mknod),
    SCMP_SYS(mknodat), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex), SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
};

static const uint64_t namespaces[] = {
    CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP,
};
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

/* A new thread in no new namespace. What clone3() is given lies in memory, where a filter cannot look: glibc takes
 * ENOSYS for an older kernel, and falls back on clone(). */
static int filter_deny_namespaces(scmp_filter_ctx filter)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    for (size_t i = 0; r == 0 && i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0_64(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
    return r;
}

/* abort() and pthread_kill() signal threads of this process. */
static int filter_deny_signals(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                            SCMP_A0_64(SCMP_CMP_NE, (uint64_t)getpid()));
}

int syscall_filter_enter(bool *ret_on)
{
    /* valgrind knows no such call, and makes some of its own that would be denied */
    if (RUNNING_ON_VALGRIND || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        *ret_on = false;
        return 0;
    }

    CLEANUP(filter_freep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return fail_code(ENOMEM, "memory for a filter of system calls");

    int r = filter_deny_calls(filter);
    if (r == 0)
        r = filter_deny_namespaces(filter);
    if (r == 0)
        r = filter_deny_signals(filter);
    if (r == 0)
        r = seccomp_load(filter);
    if (r != 0)
        return fail_code(-r, "filter system calls");
    *ret_on = true;
    return 0;
}
