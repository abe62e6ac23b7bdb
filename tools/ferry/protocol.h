#pragma once

/*
 * Protocols: the requests of an upload, as each protocol has them
 *
 *     protocol_tus    tus.c     tus 1.0.0
 *     protocol_ietf   ietf.c    draft-ietf-httpbis-resumable-upload, interop version 10
 *
 * sending.c tells the story of an upload in these requests, and knows no other difference.
 *
 *   Terms      upload, offset, length, complete
 *   Errors     enum outcome; unless it is OUTCOME_OK, answer.reason says why in one line
 *   Ownership  standing_done() frees what a request has filled in, whatever its outcome
 */

#include "tools/ferry/metadata.h"
#include "tools/ferry/piece.h"
#include "tools/ferry/standing.h"
#include "tools/ferry/upload.h"

struct creation {
    const char *endpoint;
    const struct metadata *metadata;
    bool partial; /* it will be joined with others */
};

/* Complete uploads that become one, in this order. */
struct joint {
    const char *endpoint;
    const struct metadata *metadata;
    const char *const *urls;
    size_t count;
    const char *key; /* repeated with every try: who has answered it before answers the same */
};

struct protocol {
    const char *name; /* for options and records */

    /* A creation brings the piece along. */
    bool creation_brings;

    /* The server tells the length of every upload that has one. */
    bool length_told;

    /* How the server checks pieces by this algorithm. OUTCOME_REFUSED: not at all. */
    enum outcome (*check)(struct transfer *transfer, const char *endpoint,
                          enum digest_algorithm algorithm, struct checking *ret_checking,
                          struct answer *answer);

    /*
     * A new upload, for the piece and what follows it. OUTCOME_OK: the URL is known, now or by what
     * was told meanwhile, or all is complete.
     */
    enum outcome (*create)(struct transfer *transfer, const struct creation *creation,
                           const struct piece *piece, struct standing *standing,
                           struct answer *answer);

    /* How far the upload is. OUTCOME_OK: the offset is known. */
    enum outcome (*ask)(struct transfer *transfer, const char *url, struct standing *standing,
                        struct answer *answer);

    /*
     * OUTCOME_OK: the offset is known, and lies within the piece or at its end. OUTCOME_RETRY: where
     * the offset is known, it is where to go on.
     */
    enum outcome (*append)(struct transfer *transfer, const char *url, const struct piece *piece,
                           struct standing *standing, struct answer *answer);

    /* OUTCOME_OK: the server joins uploads; both are NULL where the protocol has no such thing. */
    enum outcome (*joins)(struct transfer *transfer, const char *endpoint, struct answer *answer);

    /* OUTCOME_OK: the URL is known. */
    enum outcome (*join)(struct transfer *transfer, const struct joint *joint,
                         struct standing *standing, struct answer *answer);
};

extern const struct protocol protocol_tus, protocol_ietf;

/* NULL: no such protocol. */
const struct protocol *protocol_find(const char *name);
