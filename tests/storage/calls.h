#pragma once

/*
 * A log of the calls that storage makes, in the order in which they took effect
 *
 * Between calls_start() and calls_stop() the table of calls notes what it passes on. A call that
 * makes something durable is noted when it has returned, a call that makes something dirty before
 * it begins or when it has returned, whichever proves less.
 */

#include <stddef.h>
#include <stdint.h>

enum call_kind {
    CALL_CREATE, /* open with O_CREAT; path */
    CALL_MKDIR,
    CALL_UNLINK,
    CALL_WRITE_BEGIN, /* of a file's bytes: path, offset, count */
    CALL_WRITE_END,
    CALL_SYNC_BEGIN, /* fdatasync; path */
    CALL_SYNC_END,
    CALL_SYNC_DIRECTORY, /* fsync; path */
    CALL_SYNC_ALL_BEGIN, /* syncfs */
    CALL_SYNC_ALL_END,
    CALL_CUT,            /* ftruncate; path, offset */
    CALL_LOG_WRITE,      /* SQLite writes to its log */
    CALL_LOG_SYNC,       /* SQLite syncs its log */
    CALL_DATABASE_OPEN,
    CALL_DATABASE_WRITE, /* a checkpoint writes to the database itself */
    CALL_DATABASE_SYNC,
    CALL_MARK, /* the test's own; path is the text, offset a number */
};

struct call {
    enum call_kind kind;
    char path[80]; /* the last part of it for what lies in the data directory */
    uint64_t offset, count;
};

void calls_start(void);
void calls_stop(void);

/* A line of the test's own: what it asked for, what it was promised. */
void calls_mark(const char *text, uint64_t number);

/* What was noted since calls_start(). The store must be closed. */
const struct call *calls_list(size_t *ret_count);
