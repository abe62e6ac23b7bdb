#pragma once

/*
 * Fetching: one file from its URL to a sink, until all of it is there
 *
 * After a break the rest is asked for, if the file still has the entity tag that its first bytes
 * had (Range, If-Range). Where it changed, or the server sends no parts, it begins anew.
 *
 *   Source  RFC 9110, 13.1.5 and 14
 */

#include "digest/digest.h"
#include "tools/ferry/backoff.h"
#include "tools/ferry/record.h"
#include "tools/ferry/report.h"
#include "tools/ferry/upload.h"

struct fetching {
    /* what the caller sets; borrowed */
    struct transfer *transfer;
    struct report *report;
    struct record *record; /* NULL: no later run can go on */
    const char *url;
    const char *output; /* "-": standard output; NULL: the server chooses the name */
    bool force;
    bool digest_wanted; /* compare, where the server tells one */
    struct backoff backoff;

    /* what fetching_run() finds out; fetching_done() frees it */
    struct sink *sink; /* NULL until the name is known */
    char *etag;        /* strong; NULL: none */
    uint64_t highest;  /* of sink->offset: beyond it is progress */
    uint64_t skip;     /* of the answer: standard output has had it */
    bool size_known;
    bool started; /* the name is known, and said */
    uint64_t size;
    struct digest_value told; /* by the server */
    struct digest running;    /* of what is in the sink */
    enum outcome accepted;    /* of the answer that runs, */
    const char *refusal;      /* and why, with OUTCOME_REFUSED */
    struct answer answer;     /* to the last request; its reason is filled in on failure */
};

/* OUTCOME_OK only when everything is there, under its name. OUTCOME_RETRY: gave up, for now. */
enum outcome fetching_run(struct fetching *fetching);

/* A later run can go on where this one ended. */
bool fetching_resumable(const struct fetching *fetching);
void fetching_done(struct fetching *fetching);
