#pragma once

/*
 * A crowd of clients, all on one thread
 *
 * Each client is a fiber whose function reads top-down. A run has four parts, and each client calls in order:
 *
 *     what it needs    crowd_ready    { crowd_turn  work  crowd_turn_end }    crowd_finish    what is to be checked
 *
 * crowd_ready() and crowd_finish() wait until all clients have come so far: what lies between is measured, and
 * nothing else.
 *
 * A turn is one piece of work. Without a rate a client has the next one at once (closed loop: a slow server is
 * asked less). With one, turns are due at fixed times and given to whoever is free, however late that is
 * (open loop). A turn's latency begins when it was due: what it waited for a free client is part of it.
 *
 *   Units      nanoseconds of the monotonic clock
 *   Waits      crowd_wait, crowd_pause, crowd_ready, crowd_turn, crowd_finish: the fiber, for others to go on
 *   Errors     the program ends with a sentence; so does a run in which a server is silent for the patience
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tools/ferry_bench/latency.h"
#include "tools/ferry_bench/process.h"

/* What a client does in a turn, each with a latency of its own, from its first byte sent to its answer. */
enum operation {
    OPERATION_CREATE,
    OPERATION_APPEND,
    OPERATION_OFFSET,
    OPERATION_PUT,
    OPERATION_COUNT,
};

struct crowd_options {
    size_t clients;
    uint64_t turns;       /* in all, or UINT64_MAX */
    uint64_t duration_ns; /* no turn begins later, or UINT64_MAX */
    double turns_per_s;   /* or 0: closed loop */
    uint64_t patience_ns;
    struct processes server;
};

/* What was measured. */
struct crowd_tally {
    uint64_t turns, bytes, ns;
    uint64_t client_cpu_ns;
    struct process_cost before, after; /* of the server */
    uint64_t rss_most_kib, pss_half_way_kib;
    struct latency turn, operations[OPERATION_COUNT];
};

struct client {
    size_t number; /* from 0 */
    struct crowd *crowd;
    const void *plan; /* the run's, as given to crowd_run() */

    /* the crowd's */
    struct fiber *fiber;
    TAILQ_ENTRY(client) place;
    TAILQ_HEAD(client_list, client) * list; /* where it stands, or NULL: it runs */
    uint64_t since_ns;                      /* it stands there */
    bool granted;                           /* what it has waited for came */
    uint64_t due_ns;                        /* its turn */
};

typedef void client_body(struct client *client);

/* Runs all clients to their end. The tally is big: not for a fiber's stack. */
void crowd_run(const struct crowd_options *options, client_body *body, const void *plan,
               struct crowd_tally *ret_tally);

/* A socket of a client's. */
struct crowd_socket {
    struct client *client;
    int fd;
    bool stale; /* the other side has closed it, or it failed */
};

/* From now on its client is told of what happens to it. The socket ends by close(). */
void crowd_watch(struct crowd_socket *socket);

/* Waits for news of a socket of this client's. False: there were none within the patience. */
bool crowd_wait(struct client *client);

/* Stands still for that long, the same for all. */
enum {
    CROWD_PAUSE_NS = 100 * 1000 * 1000
};
void crowd_pause(struct client *client);

void crowd_ready(struct client *client);
void crowd_finish(struct client *client);

/* Waits for the next turn. False: the run is over. */
bool crowd_turn(struct client *client);
void crowd_turn_end(struct client *client, uint64_t bytes);

/* Adds a latency, when the run is between crowd_ready() and crowd_finish(). */
void crowd_add(struct client *client, enum operation operation, uint64_t ns);
