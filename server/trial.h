#pragma once

/*
 * Trial: whether storage works, found out when somebody asks, within a bounded time
 *
 * Those who ask while one is under way share it, so a flood of questions costs the disk no more than one
 * at a time. One that has not come to its end after TRIAL_PATIENCE_MS has failed, for all who wait for it
 * and all who ask until it has.
 *
 *   Threads    trial_wait() on a fiber; trial_beat() on any thread, once a second
 *
 * Calling sequence:  trial_init  { trial_wait, trial_beat }  (no more exchanges)  trial_done
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "server/exchange.h"
#include "storage/store.h"

enum {
    TRIAL_PATIENCE_MS = 2000
};

TAILQ_HEAD(trial_waiters, trial_waiter);

struct trial {
    struct store *store;
    pthread_mutex_t mutex; /* of all below it */
    pthread_cond_t ended;
    bool running;
    uint64_t begun_ms;
    struct trial_waiters waiters;
};

void trial_init(struct trial *trial, struct store *store);

/* What store_probe() answers; -ETIMEDOUT when it does not; -ECANCELED when the exchange is over. Waits. */
int trial_wait(struct trial *trial, struct exchange *exchange);

void trial_beat(struct trial *trial);

/* Waits for the end of one that is under way. */
void trial_done(struct trial *trial);
