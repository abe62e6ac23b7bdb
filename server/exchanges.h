#pragma once

/*
 * All exchanges of a server: what they share, and how they end together
 *
 *   Bounds     fibers_max of them have a fiber at a time; a further request gets 503
 *   Threads    any
 *
 * Calling sequence:  exchanges_new  ... loops run ...  exchanges_stop  ... loops stop ...
 *                    exchanges_free
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/workers.h"
#include "server/answer.h"
#include "server/connections.h"
#include "server/exchange.h"
#include "server/linger.h"
#include "server/route.h"

struct exchanges;

/* What became of one, told once, at its very end. */
struct exchange_record {
    struct bytes method; /* as it was executed; empty: the request could not be read */
    enum operation operation;
    unsigned status; /* 0: nobody heard an answer */
    int result;      /* of the handler, see base/refusal.h */
    uint64_t received, sent; /* of contents, in bytes */
    uint64_t duration_ns;
    uint64_t spent_ns[EXCHANGE_TIMES]; /* of that */
};

struct exchanges_options {
    const struct route *routes;
    size_t route_count;
    void *context;        /* for the handlers */
    bool method_override; /* X-HTTP-Method-Override says which method is meant */

    /* Called for every request that could be read, before its route is looked for: 0, or what it is
     * refused by. It may add fields to the answer. Must not wait. NULL: all are admitted. */
    int (*admit)(struct exchange *exchange);

    /* Called for every answer before it is sent, also for those that no handler gave: adds what all have
     * in common. Must not wait. NULL is fine. */
    void (*finish)(struct exchange *exchange, struct answer *answer);

    /* Called with every record, on the loop or by stream_end(). Must not wait. NULL is fine. */
    void (*count)(void *context, const struct exchange_record *record);
    const struct networks *trusted; /* proxies that are believed, see protocol/forwarded.h */
    size_t fibers_max;
    struct workers *workers;
    struct workers *readers; /* for files that are sent; they must refuse nothing */
    struct connections *connections;
    struct linger_closer *linger;
};

/* 0 or -errno. All that options point to is borrowed. */
int exchanges_new(const struct exchanges_options *options, struct exchanges **ret_exchanges);

/* NULL is fine. */
void exchanges_free(struct exchanges *exchanges);

/*
 * From now on new requests get 503. Exchanges whose body is still running are ended; the others have
 * grace_ms to finish and are then ended as well. Waits until none is suspended, wait_ms at most:
 * 0, or -ETIMEDOUT when some worker did not come back. Who writes streams has been stopped before.
 */
int exchanges_stop(struct exchanges *exchanges, uint64_t grace_ms, uint64_t wait_ms);

struct exchanges_counts {
    size_t live;             /* from the request line to the end of the answer */
    size_t suspended;        /* of those: waiting for another thread */
    size_t fibers;           /* of those: with a handler that has not answered */
    uint64_t begun;          /* since the start */
    uint64_t received_bytes; /* of bodies, taken by handlers since the start */
};

struct exchanges_counts exchanges_counts(struct exchanges *exchanges);
