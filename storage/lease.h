#pragma once

/*
 * Leases: one writer per upload, the newest one wins
 *
 * A lease is the right to write to one upload. Who asks for one that is taken ends its holder and
 * waits; who asks while another one waits sends that one away. So an upload has one holder and one
 * waiter at most, and a client that comes back never queues behind its own dead connections.
 *
 *   Threads    any. granted runs without a lock; end runs under the table's lock, so it may take
 *              the lock of its own object, and nobody may call a lease function under such a lock.
 *   Ownership  a lease is a part of its owner's object and stays in the table until it was
 *              released, or until granted said no.
 *   Seam       with several servers on one catalog the table becomes a row with a generation;
 *              here the table in memory is the whole truth.
 *
 * Calling sequence:  lease_take  -> granted(0)  lease_release
 */

#include <stdbool.h>
#include <stdint.h>

#include "storage/id.h"

struct lease_table;

struct lease {
    struct upload_id id;
    uint64_t deadline_ms; /* of the monotonic clock: how long to wait */

    /* A newer writer wants it: let go soon. Once at most; NULL: cannot be hurried. */
    void (*end)(struct lease *lease);

    /* The end of waiting: 0, REFUSED_ENDED by a newer one, or REFUSED_LOCKED at the deadline. */
    void (*granted)(struct lease *lease, int result);

    /* the table's */
    bool ended;
    struct lease *waiter, *next;
};

/* NULL, said in the log, without memory. */
struct lease_table *lease_table_new(void);
void lease_table_free(struct lease_table *table);

/* True: it is yours at once, granted will not be called. False: granted will be. */
bool lease_take(struct lease_table *table, struct lease *lease);

/* Takes it only when nobody has it. */
bool lease_try(struct lease_table *table, struct lease *lease);

/* Somebody has it at this moment, who lets himself be ended: a writer. */
bool lease_held(struct lease_table *table, const struct upload_id *id);

/* Gives it to the one who waits, if any, by calling its granted. */
void lease_release(struct lease_table *table, struct lease *lease);

/* After this, end is not called any more. */
void lease_silence(struct lease_table *table, struct lease *lease);

/* Sends away everyone whose deadline has passed. */
void lease_expire(struct lease_table *table, uint64_t now_ms);

/* How many writers were ended by newer ones so far. */
uint64_t lease_takeovers(struct lease_table *table);
