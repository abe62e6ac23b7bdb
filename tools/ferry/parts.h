#pragma once

/*
 * Parts: one file as several partial uploads at a time, joined in the end
 *
 *     sending --\
 *     sending ---+--> join --> the upload
 *     sending --/
 *
 * Each part is a range of the file. It is sent over a connection of its own, resumed on its own, and
 * compared with the server's digest on its own. The record remembers all of them.
 *
 *   Errors   as sending_run(): of the first part that failed, which ends the others, or of the join
 *   Threads  one for each part, while parts_run() runs
 */

#include "tools/ferry/sending.h"
#include "tools/ferry/session.h"

struct parts {
    /* what the caller sets; borrowed */
    const struct sending *whole; /* what each of them does, for all of the file; it has a record */
    const struct session *session;
    size_t count; /* the record's */

    /* what parts_run() finds out */
    struct answer answer; /* its reason is filled in on failure */
    char *url;            /* parts_done() frees it */
    bool key_renewed;
};

/* How many parts a file of this size is worth, no more than wanted. */
size_t parts_count(uint64_t size, size_t wanted);

enum outcome parts_run(struct parts *parts);
void parts_done(struct parts *parts);
