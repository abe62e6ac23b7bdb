#pragma once

/*
 * Trickles: a long append that sends a little and stays on its way, in a thread of its own
 *
 * What the server has of it meanwhile tells whether somebody holds bodies back; an answer that comes
 * before the body has gone tells that it is too long for somebody.
 *
 *   Units      bytes
 *   Ownership  trickle_stop() ends the thread and frees what is inside; a zeroed one is fine
 *   Threads    the caller's and its own
 */

#include <pthread.h>
#include <stdatomic.h>

#include "tools/ferry/session.h"

enum {
    TRICKLE_BYTES_PER_S = 64 * 1024
};

struct trickle {
    struct session session;
    struct options options; /* of the session */
    struct pace pace;
    struct source *source;
    const char *url;
    uint64_t count;
    pthread_t thread;
    bool running; /* there is a thread to be joined */

    /* between the threads */
    atomic_bool stop, ended;
    /* the request's, when it has ended */
    enum outcome outcome;
    struct answer answer;
};

/* Appends so many bytes at offset 0. 0, or a negative number and it is said; borrows all but the trickle. */
int trickle_start(const struct session *session, const char *url, uint64_t count,
                  struct trickle *trickle);
void trickle_stop(struct trickle *trickle);
