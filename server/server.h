#pragma once

/*
 * The server: listeners, acceptor, loops, workers and exchanges, put together
 *
 *   Errors   0, or -errno after one clear line; a server that did not start has left nothing behind
 *            but the listeners
 *   Threads  one; the server's own are started by server_start() with the caller's signal mask, so
 *            block the signals that you wait for before
 *
 * Calling sequence:  server_start  { server_url, server_counts }  server_stop  server_free
 */

#include <stdbool.h>
#include <stddef.h>

#include "server/exchanges.h"
#include "server/listener.h"
#include "server/route.h"

struct server;

struct server_options {
    struct listener *listeners; /* borrowed; server_stop() closes them */
    size_t listener_count;
    unsigned threads; /* loops */
    unsigned workers;
    unsigned
        readers; /* files that are read from a disk at a time; others are sent from the page cache */
    unsigned first_byte_timeout_s, header_timeout_s, idle_timeout_s;
    unsigned connections_max, connections_per_address_max;
    size_t fibers_max, waiting_max; /* requests with a handler; jobs that wait for a worker */
    const struct route *routes;     /* borrowed */
    size_t route_count;
    void *context; /* for the handlers */

    /* see exchanges.h */
    bool method_override;
    int (*admit)(struct exchange *exchange);
    void (*finish)(struct exchange *exchange, struct answer *answer);
    void (*count)(void *context, const struct exchange_record *record);
    const struct networks *trusted; /* borrowed */
};

int server_start(const struct server_options *options, struct server **ret_server);

/* Where it listens, for people; NULL for an index beyond the last. */
const char *server_url(const struct server *server, size_t index);

/* From any thread, until server_free(). */
struct exchanges_counts server_counts(struct server *server);
size_t server_connection_count(struct server *server);
void server_count_workers(struct server *server, struct workers_counts *ret_workers,
                          struct workers_counts *ret_readers);

/*
 * Stops gracefully, see exchanges_stop(): 0, or -ETIMEDOUT when a worker did not come back; then
 * threads are still running and the process should end without more ado. NULL is fine. Waits.
 */
int server_stop(struct server *server);

/* Of one that has stopped. NULL is fine. */
void server_free(struct server *server);
