#pragma once

/*
 * What the process gives up once everything is open
 *
 * Whoever takes a thread of the server over by a mistake in it shall find nothing there but uploads: no
 * program can be started, no file outside be opened, no connection be made, no other process be signalled.
 * Landlock has no rules for owners, modes and times of files: see server/syscall_filter.h.
 *
 *   How      no_new_privs, and a Landlock rule set, which needs no privilege. Both are for this thread and all
 *            that it starts: call it before there are others. What is open stays open.
 *   Degrades to what the kernel has: Landlock is in Linux since 5.13, its rules for connections since 6.7, for
 *            signals since 6.12. Without it, or where the kernel refuses it, there is no_new_privs alone: who
 *            calls says so.
 *   Errors   0, or -errno after one clear line
 *   Source   landlock(7), PR_SET_NO_NEW_PRIVS(2const)
 */

#include <stddef.h>

enum sandbox_use {
    SANDBOX_READ,  /* the file is read */
    SANDBOX_STORE, /* below this directory files are made, read, written and removed */
    SANDBOX_CLEAR, /* this file is removed: our own, at the end. Landlock has no right for one name, so all
                      files in its directory and below can be: let it be alone there */
};

/* What is not there needs no right; a path of NULL is none. */
struct sandbox_place {
    const char *path;
    enum sandbox_use use;
};

/* Of Landlock alone; no_new_privs is set in any case. */
enum sandbox_extent {
    SANDBOX_OFF,
    SANDBOX_ON,
};

/* Tells the version of Landlock's interface that is in force, -errno when the kernel refuses it or has none, and 0
 * when it was not to be or the process runs under valgrind. */
int sandbox_enter(enum sandbox_extent extent, const struct sandbox_place *places, size_t count,
                  int *ret_landlock);
