#pragma once

/*
 * Protocols: the requests of an upload, as each protocol has them
 *
 *     protocol_tus    tus.c     tus 1.0.0
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

struct protocol {
    /* A new upload, for the piece and what follows it. */
    enum outcome (*create)(struct transfer *transfer, const char *endpoint,
                           const struct metadata *metadata, const struct piece *piece,
                           struct standing *standing, struct answer *answer);

    /* How far the upload is. OUTCOME_OK: the offset is known. */
    enum outcome (*ask)(struct transfer *transfer, const char *url, struct standing *standing,
                        struct answer *answer);

    /* OUTCOME_OK: the offset is known, and lies within the piece or at its end. */
    enum outcome (*append)(struct transfer *transfer, const char *url, const struct piece *piece,
                           struct standing *standing, struct answer *answer);
};

extern const struct protocol protocol_tus;
