#define LOG_MODULE "server"
#include "server/server.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/fail.h"
#include "base/workers.h"
#include "server/acceptor.h"
#include "server/connections.h"
#include "server/fiber.h"
#include "server/linger.h"
#include "server/listener.h"
#include "server/loop.h"

enum {
    STOP_GRACE_MS = 1000,     /* for answers that are on their way */
    STOP_WAIT_MS = 30 * 1000, /* for workers in the middle of a job */
    /* Each keeps the memory that its request had, see loop.c: 64 MiB. Beyond that a client that goes on
     * makes a new connection. */
    CONNECTIONS_KEPT_MAX = 512,
};

struct server {
    struct listener *listeners;
    size_t listener_count;
    struct connections *connections;
    struct linger_closer *linger;
    struct workers *workers, *readers;
    struct exchanges *exchanges;
    struct loop **loops;
    size_t loop_count;
    struct acceptor *acceptor;
};

/* To the loop with the fewest connections. */
static void server_deliver(void *argument, int fd, const struct sockaddr *address, socklen_t count)
{
    struct server *server = argument;
    struct loop *chosen = server->loops[0];

    for (size_t i = 1; i < server->loop_count; i++)
        if (loop_count(server->loops[i]) < loop_count(chosen))
            chosen = server->loops[i];
    loop_add(chosen, fd, address, count);
}

static int server_start_exchanges(struct server *server, const struct server_options *options)
{
    struct connections_options connections = {
        .maximum = options->connections_max,
        .per_address_maximum = options->connections_per_address_max,
        .kept_maximum = CONNECTIONS_KEPT_MAX,
        .first_byte_timeout_ms = options->first_byte_timeout_s * 1000ULL,
        .header_timeout_ms = options->header_timeout_s * 1000ULL,
        .idle_timeout_ms = options->idle_timeout_s * 1000ULL,
    };

    int r = connections_new(&connections, &server->connections);
    if (r == 0)
        r = linger_start(&server->linger);
    if (r == 0)
        r = workers_start("ferry-worker", options->workers, options->waiting_max, &server->workers);
    if (r == 0)
        r = workers_start("ferry-reader", options->readers, SIZE_MAX,
                          &server->readers); /* one job per connection at most */
    if (r != 0)
        return r;

    struct exchanges_options exchanges = {
        .routes = options->routes,
        .route_count = options->route_count,
        .context = options->context,
        .method_override = options->method_override,
        .admit = options->admit,
        .finish = options->finish,
        .count = options->count,
        .trusted = options->trusted,
        .fibers_max = options->fibers_max,
        .workers = server->workers,
        .readers = server->readers,
        .connections = server->connections,
        .linger = server->linger,
    };
    return exchanges_new(&exchanges, &server->exchanges);
}

static int server_start_loops(struct server *server, const struct server_options *options)
{
    struct loop_options loop = {
        .exchanges = server->exchanges,
        .connections = server->connections,
        .idle_timeout_s = options->idle_timeout_s,
    };

    server->loops = calloc(options->threads, sizeof(struct loop *));
    if (server->loops == NULL)
        return fail_errno("start the server");
    for (unsigned i = 0; i < options->threads; i++) {
        int r = loop_start(&loop, &server->loops[i]);
        if (r != 0)
            return r;
        server->loop_count++;
    }
    return 0;
}

static int server_start_acceptor(struct server *server)
{
    struct acceptor_options acceptor = {
        .listeners = server->listeners,
        .listener_count = server->listener_count,
        .connections = server->connections,
        .linger = server->linger,
        .deliver = server_deliver,
        .argument = server,
    };
    return acceptor_start(&acceptor, &server->acceptor);
}

int server_start(const struct server_options *options, struct server **ret_server)
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return fail_errno("start the server");

    server->listeners = options->listeners;
    server->listener_count = options->listener_count;
    int r = server_start_exchanges(server, options);
    if (r == 0)
        r = server_start_loops(server, options);
    if (r == 0)
        r = server_start_acceptor(server);
    if (r != 0) {
        (void)server_stop(server);
        server_free(server);
        return r;
    }

    *ret_server = server;
    return 0;
}

const char *server_url(const struct server *server, size_t index)
{
    return index < server->listener_count ? server->listeners[index].name : NULL;
}

struct exchanges_counts server_counts(struct server *server)
{
    return exchanges_counts(server->exchanges);
}

size_t server_connection_count(struct server *server)
{
    return connections_count(server->connections);
}

void server_count_workers(struct server *server, struct workers_counts *ret_workers,
                          struct workers_counts *ret_readers)
{
    *ret_workers = workers_counts(server->workers);
    *ret_readers = workers_counts(server->readers);
}

int server_stop(struct server *server)
{
    if (server == NULL)
        return 0;

    /* No new connections, no new requests, nobody suspended: then the loops can go, and after them what
     * their exchanges used. */
    acceptor_stop(server->acceptor);
    listeners_close(server->listeners, server->listener_count);
    if (server->exchanges != NULL) {
        int r = exchanges_stop(server->exchanges, STOP_GRACE_MS, STOP_WAIT_MS);
        if (r != 0)
            return r;
    }
    for (size_t i = 0; i < server->loop_count; i++)
        loop_stop(server->loops[i]);
    linger_stop(server->linger);
    fiber_release_stacks();
    return 0;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;

    /* not at the stop: the operator's listener, which stops after the other, tells what they do */
    workers_stop(server->workers);
    workers_stop(server->readers);
    exchanges_free(server->exchanges);
    connections_free(server->connections);
    free(server->loops);
    free(server);
}
