#pragma once

/*
 * Loops: threads on which libmicrohttpd serves connections
 *
 * Each loop is an MHD daemon of its own with one thread and epoll, fed by loop_add(). Several daemons
 * rather than one with a pool: so that a new connection goes where the fewest are, and not by the
 * number of its descriptor.
 *
 *   Ownership  loop_add() takes the socket in every case
 *   Threads    loop_add() and loop_count() may be called by any; the handlers run on the loop's own
 *
 * Calling sequence:  loop_start  { loop_add }  exchanges_stop  loop_stop
 */

#include <stddef.h>
#include <sys/socket.h>

#include "server/exchanges.h"

struct loop;

struct loop_options {
    struct exchanges *exchanges;
    struct connections *connections;
    unsigned idle_timeout_s; /* without any byte in or out; also while a body is running */
};

/* 0 or -errno. */
int loop_start(const struct loop_options *options, struct loop **ret_loop);

void loop_add(struct loop *loop, int fd, const struct sockaddr *address, socklen_t count);
size_t loop_count(const struct loop *loop);

/* Closes every connection and ends the thread. No exchange may be suspended. NULL is fine. Waits. */
void loop_stop(struct loop *loop);
