#pragma once

/*
 * Lingering close
 *
 * A server that answers in the middle of a request's body and closes resets the connection: the
 * client's next write fails, and many clients (Node's and Python's) then never read the answer. So
 * the answer goes out, our sending side is shut, and what the client still sends is read and thrown
 * away for a while, by one thread for all, before the socket is closed.
 *
 *   Bounds     LINGER_S seconds and LINGER_BYTES per socket, LINGER_SOCKETS of them at a time;
 *              beyond that a socket is closed at once
 *   Ownership  linger_take() takes the socket
 *   Threads    linger_take() may be called by any and never waits
 *
 * Calling sequence:  linger_start  { linger_take }  linger_stop
 */

enum {
    LINGER_S = 5,
    LINGER_BYTES = 256 * 1024 * 1024,
    LINGER_SOCKETS = 512,
};

struct linger_closer;

/* 0 or -errno. */
int linger_start(struct linger_closer **ret_closer);

/* fd: non-blocking, all that is to be sent is sent; the caller shuts its sending side, before or after. */
void linger_take(struct linger_closer *closer, int fd);

/* Closes what is left. NULL is fine. Waits for the thread. */
void linger_stop(struct linger_closer *closer);
