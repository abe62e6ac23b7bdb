#pragma once

/*
 * Sending: one source to one upload, by either protocol, until the server has it all
 *
 *     create --> append --> done
 *                 |  ^
 *                 v  |
 *     resume -->  ask
 *
 * After any failure the server is asked how far the upload is, and sending goes on from there:
 * nothing that it has acknowledged is sent again.
 */

#include "tools/ferry/backoff.h"
#include "tools/ferry/hashing.h"
#include "tools/ferry/protocol.h"
#include "tools/ferry/record.h"
#include "tools/ferry/report.h"

struct sending {
    /* what the caller sets; borrowed */
    const struct protocol *protocol;
    struct transfer *transfer;
    struct source *source;
    struct record *record; /* NULL: this upload cannot be resumed by a later run */
    size_t part;           /* its number in the record */
    bool partial;          /* it will be joined with others */
    struct report *report;
    const char *endpoint;
    const struct metadata *metadata;
    uint64_t chunk_bytes; /* of one request at most */
    struct checking checking;
    bool digest_wanted; /* compare at the end, where the server tells one */
    struct backoff backoff;

    /* what sending_run() finds out */
    char *url;         /* of the upload; sending_done() frees it */
    uint64_t offset;   /* acknowledged */
    uint64_t highest;  /* the highest that was acknowledged: beyond it is progress */
    uint64_t possible; /* the server cannot have more than this */
    struct hashing hashing;
    unsigned damaged_count;         /* chunks in a row that the server found damaged */
    bool length_declared, complete; /* as the server knows */
    bool closed;                /* the server says that it is complete; not yet what came of it */
    bool careful;               /* a creation with bytes was lost, URL and all */
    bool told;                  /* a refusal told where to go on */
    struct digest_value digest; /* that the final answer told, if any */
    bool resumed;               /* another run began it, and the server was not asked yet */
    bool begun_anew;            /* the server had forgotten the upload; a second time is an error */
    struct answer answer;       /* to the last request; its reason is filled in on failure */
};

/* OUTCOME_OK only when the server has acknowledged every byte, and tells no other digest than ours. OUTCOME_RETRY: gave up, for now. */
enum outcome sending_run(struct sending *sending);
void sending_done(struct sending *sending);
