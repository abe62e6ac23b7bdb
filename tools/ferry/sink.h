#pragma once

/*
 * Sinks: where the bytes of a download go
 *
 * They are collected in NAME.part, which becomes NAME when everything is there: a file of that name
 * is whole, or it is not there. What was there before is never overwritten, unless with force.
 *
 *   Errors     0 or -errno, and it is said; SINK_STOPPED: a signal came while nobody read
 *   Threads    one process per part: it is locked
 *   Durable    sink_finish(): the bytes, then the name
 *   Ownership  sink_close() takes it back, NULL is fine; the part stays
 *   Waits      sink_write(), while nobody reads standard output
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

enum {
    SINK_STOPPED = 1,
};

/* What tells a part from any other file of its name; zeros where there is none. */
struct birth {
    uint64_t inode;
    int64_t born_ns; /* 0 where the file system does not keep it */
};

struct sink {
    char *path; /* as the user may call the file; NULL: standard output */
    char *name; /* the same, clean for a terminal */
    char *part; /* path of the part */
    int fd;
    bool force;
    uint64_t offset; /* so many bytes are there */
};

int sink_open_output(struct sink **ret_sink);

/* 0 when a download may take that name: nothing is there, or force and a regular file. */
int sink_check(const char *path, bool force);

/*
 * Opens the part, or creates it. A part that is there must be the one that was born so, or empty;
 * force begins one anew.
 */
int sink_open(const char *path, const struct birth *known, bool force, struct sink **ret_sink);
void sink_close(struct sink *sink);
static inline void sink_closep(struct sink **sink)
{
    sink_close(*sink);
}

/* Of the part; zeros for standard output. */
struct birth sink_birth(const struct sink *sink);

int sink_write(struct sink *sink, struct bytes bytes);

/* Forgets what is behind offset. */
int sink_truncate(struct sink *sink, uint64_t offset);

/* What was written already; the count of bytes, more than 0. */
ssize_t sink_read(const struct sink *sink, uint64_t offset, void *buffer, size_t count);

/* Everything is there: the part becomes the file. */
int sink_finish(struct sink *sink);

/* Removes the part. */
void sink_discard(struct sink *sink);
