#pragma once

/*
 * Bound: a limited amount of something that all uploads share, and the queue of those who wait
 *
 * Open files, dirty bytes and buffer memory are bounds. Whoever finds none left is queued and
 * resumed, first come first served, when something is given back; being resumed is a hint to try
 * again, not a grant.
 *
 *   Threads   any. No lock is held while resume runs; a waiter must stay until it was resumed.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct bound;

struct bound_waiter {
    void (*resume)(struct bound_waiter *waiter);
    struct bound_waiter *next;
    struct bound *turn; /* whose queue has resumed it: it need not queue there again */
};

struct bound {
    pthread_mutex_t mutex;
    uint64_t used, limit;
    struct bound_waiter *first, **last;
};

void bound_init(struct bound *bound, uint64_t limit);
void bound_done(struct bound *bound);

/*
 * Takes an amount while anything at all is left, so that the last one may pass the limit by its
 * own size and no amount is too large to be ever had. Nobody passes those who are queued. False:
 * the waiter, if any, was queued.
 */
bool bound_take(struct bound *bound, uint64_t amount, struct bound_waiter *waiter);

/* Takes it in any case. */
void bound_force(struct bound *bound, uint64_t amount);

void bound_give(struct bound *bound, uint64_t amount);

uint64_t bound_used(struct bound *bound);

/* Somebody waits. */
bool bound_pressed(struct bound *bound);
