#pragma once

/*
 * The acceptor
 *
 * One thread accepts on every listener, within the bounds that connections.h keeps, and hands a
 * connection on when its first byte is there: one that never speaks costs a descriptor for a while and
 * nothing else. What is beyond a bound gets 503 and is closed. It also keeps the deadlines of all
 * connections, and looks out for clients that shut down their side.
 *
 *   Ownership  the listeners stay the caller's and open until acceptor_stop() has returned; deliver()
 *              takes the socket
 *   Threads    deliver() is called by the acceptor's thread and must not wait
 *
 * Calling sequence:  acceptor_start  acceptor_stop
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/connections.h"
#include "server/linger.h"
#include "server/listener.h"

struct acceptor;

struct acceptor_options {
    const struct listener *listeners;
    size_t listener_count;
    struct connections *connections;
    struct linger_closer *linger;
    void (*deliver)(void *argument, int fd, const struct sockaddr *address, socklen_t count);
    void *argument;
};

/* 0 or -errno. */
int acceptor_start(const struct acceptor_options *options, struct acceptor **ret_acceptor);

/* Accepts no more, and keeps no more deadlines. NULL is fine. Waits for the thread. */
void acceptor_stop(struct acceptor *acceptor);
