#pragma once

/*
 * Faults: the n-th call of storage to the world fails
 *
 * Calling sequence:  fault_arm  ... store ...  fault_hit  fault_disarm
 */

#include <stdatomic.h>
#include <stdbool.h>

enum fault_kind {
    FAULT_EIO,           /* any call */
    FAULT_ENOSPC,        /* what may need space */
    FAULT_EDQUOT,        /* the same */
    FAULT_EMFILE,        /* what opens */
    FAULT_SHORT,         /* a write of an upload's bytes does half of it */
    FAULT_MEMORY,        /* an allocation of ours */
    FAULT_SQLITE_MEMORY, /* an allocation of SQLite's */
    FAULT_KILL,          /* the process is killed before it makes the call */
};

/*
 * Before a store is opened. nth counts from 1 the calls that the kind can meet. *fatal becomes true
 * when a call has failed after which the process may end: SQLite's, or a sync of a directory.
 */
void fault_arm(enum fault_kind kind, unsigned long nth, bool forever, atomic_bool *fatal);
void fault_disarm(void);

/* Before SQLite is used for the first time: its allocations can fail, too. */
void fault_wrap_sqlite_memory(void);

/* A call has failed. */
bool fault_hit(void);

/* How many calls the kind has met so far. */
unsigned long fault_calls(void);
