#pragma once

/*
 * System calls that a running server has no use for
 *
 * What server/sandbox.h denies by the names of things is denied here by what is done: the network, where the
 * kernel's Landlock knows only files; a program that lies in memory and in no file; a process of its own; owners, modes,
 * times and attributes of files, for which Landlock has no rules, but of those that are open; what reaches other
 * processes; and the parts of the kernel in which mistakes are found most often, that those find no use here who got in by
 * one of ours.
 *
 * It lists what is denied, not what is allowed: a new version of a library that makes another call then goes on
 * working. A call that is denied fails with EPERM, and libraries take that for a kernel that has it not.
 *
 *   Threads  for this one and all that it starts: call it before there are others, and when all sockets are open
 *   Degrades to nothing where the kernel refuses a filter, or has none: who calls says so
 *   Errors   0, or -errno after one clear line
 *   Source   seccomp(2), libseccomp's seccomp_rule_add(3)
 *
 * Calling sequence:  sandbox_enter (no_new_privs)  syscall_filter_enter
 */

/* Tells 1 when calls are filtered, -errno when the kernel refuses, and 0 under valgrind, which would not bear it. */
int syscall_filter_enter(int *ret_on);
