#pragma once

/*
 * Connections
 *
 * The record of every accepted socket, from accept() to close(): counts them, in all and per address,
 * ends those on which no request comes in time, and tells libmicrohttpd of ends that it misses. (It has
 * one timeout, which any byte in or out renews: a client that sends a header letter by letter would be
 * served for ever.)
 *
 *     admit ---> silent ---> arriving ---> busy <---> idle
 *             (no byte yet)  (a header)  (a request)  (kept alive)
 *                                            |
 *                                            +---> detached  (it has left libmicrohttpd: server/stream.h)
 *
 *   Deadlines  first_byte_timeout_ms silent; header_timeout_ms from then to the whole header of the first
 *              request; idle_timeout_ms + header_timeout_ms from the end of a request to the whole header
 *              of the next; DRAIN_TIMEOUT_MS for what is left of a refused request's body. Who is silent
 *              too long is closed; who does not get a header through gets 408 and is shut down; the
 *              others are shut down. Their loops then close them.
 *   Addresses  IPv4: one address. IPv6: a /64, what one customer usually has. unix: not counted.
 *   Ids        a descriptor's number is used again, an id never: it is what epoll may be given
 *   Threads    any. Mutex held over a bounded number of short system calls.
 *   Ownership  connections_admit() takes the socket while it is silent; connections_event() hands it on
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "protocol/address.h"

struct connections;
struct connection;

enum {
    DRAIN_TIMEOUT_MS = 5000
};

struct connections_options {
    size_t maximum, per_address_maximum;
    size_t kept_maximum; /* that many are kept after their first request, see connection_keep() */
    uint64_t first_byte_timeout_ms, header_timeout_ms, idle_timeout_ms;
};

/* 0 or -errno. */
int connections_new(const struct connections_options *options,
                    struct connections **ret_connections);

/* Closes what is still silent; the others' sockets are closed. NULL is fine. */
void connections_free(struct connections *connections);

/* Counts one more from that address. Refuses with REFUSED_OVERLOADED, and has not taken fd then. */
int connections_admit(struct connections *connections, int fd, const struct sockaddr *address,
                      socklen_t address_count, uint64_t *ret_id);

/* Not of interest any more: the socket was closed. Silent ones are closed by this. */
void connections_leave(struct connections *connections, int fd);

/* A silent connection has spoken: to be given to a loop. */
struct arrival {
    int fd;
    struct sockaddr_storage address;
    socklen_t address_count;
};

/*
 * epoll told that there is something to read, or that the client has shut down its side. True: the
 * first byte is there. False: there is nothing to do, or it has been done.
 */
bool connections_event(struct connections *connections, uint64_t id, struct arrival *ret_arrival);

/*
 * Ends what is overdue, and tells again of clients that have shut down their side. Yields after how
 * many ms it wants to be called again; -1: not before the next event.
 */
int connections_expire(struct connections *connections);

size_t connections_count(struct connections *connections);

/* --- for its loop --- */

/* It is one of load, which is borrowed, until its end. */
void connections_assign(struct connections *connections, int fd, atomic_size_t *load);

/* The record of fd. */
struct connection *connection_open(struct connections *connections, int fd);

void connection_busy(struct connections *connections, struct connection *connection);
void connection_idle(struct connections *connections, struct connection *connection);
void connection_drain(struct connections *connections, struct connection *connection);

/*
 * Its loop closes its descriptor, while another of the same socket goes on elsewhere: it is counted until
 * connection_close(), which any thread may call. Nobody else has anything to do with it.
 */
void connection_detach(struct connections *connections, struct connection *connection);

/*
 * Whether it should be kept after the answer that is about to be sent; if so, it is one of kept_maximum until its
 * end. False as well when more than half of maximum are open: those are for who has a request.
 */
bool connection_keep(struct connections *connections, struct connection *connection);

/* The end; the socket is about to be closed. */
void connection_close(struct connections *connections, struct connection *connection);

/* Who is at the other end of the socket. */
struct address connection_peer(const struct connection *connection);

/* What its loop is doing with it at the moment; NULL between two requests. The loop thread's alone. */
void connection_set_occupant(struct connection *connection, void *occupant);
void *connection_occupant(const struct connection *connection);
