#pragma once

/*
 * Seeded bugs: mistakes that can be built in on purpose (meson -Dseeded_bug=...)
 *
 * Each breaks one promise of the commit protocol by one small deviation. The tests of the order of
 * calls and of power cuts must fail on every one of them: that is how we know that they would
 * notice. The product is built with SEEDED_NONE, where every question here is a constant false.
 */

#include <stdbool.h>

enum seeded_bug {
    SEEDED_NONE,
    SEEDED_NO_FDATASYNC,            /* an upload's file is not synced before its row counts it */
    SEEDED_COMMIT_BEFORE_SYNC,      /* the row goes first, the sync comes after */
    SEEDED_ANSWER_BEFORE_COMMIT,    /* the client is told before the row is on disk */
    SEEDED_SYNCHRONOUS_NORMAL,      /* SQLite does not sync its log at each commit */
    SEEDED_PURGE_BEFORE_DIRSYNC,    /* a deleted row goes before its file's unlink is on disk */
    SEEDED_NO_DIRSYNC_AT_CREATION,  /* a new file's directory entry is never synced */
    SEEDED_DIGEST_KEPT_AT_ROLLBACK, /* the running digest goes on from bytes that were taken back */
    SEEDED_NO_FDATASYNC_OF_A_COPY,  /* a final's own file is not synced before its parts go */
    SEEDED_NO_SYNCFS,               /* files that are to be synced together are not synced */
};

#ifndef SEEDED_BUG
#define SEEDED_BUG SEEDED_NONE
#endif

static inline bool seeded(enum seeded_bug bug)
{
    return SEEDED_BUG == bug && bug != SEEDED_NONE;
}
