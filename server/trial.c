#include "server/trial.h"

#include <errno.h>

#include "base/clock.h"

struct trial_waiter {
    TAILQ_ENTRY(trial_waiter) entry;
    struct trial *trial;
    struct exchange *exchange;
    uint64_t since_ms;
    int result;
};

void trial_init(struct trial *trial, struct store *store)
{
    *trial = (struct trial){ .store = store };
    (void)pthread_mutex_init(&trial->mutex, NULL);
    (void)pthread_cond_init(&trial->ended, NULL);
    TAILQ_INIT(&trial->waiters);
}

/* The waiter lies on its fiber's stack, which goes on by the wake. With the lock held. */
static void waiter_answer(struct trial *trial, struct trial_waiter *waiter, int result)
{
    struct exchange *exchange = waiter->exchange;

    TAILQ_REMOVE(&trial->waiters, waiter, entry);
    waiter->result = result;
    exchange_wake(exchange);
}

/* On a thread of storage. */
static void trial_ended(void *argument, int result)
{
    struct trial *trial = argument;
    struct trial_waiter *waiter;

    pthread_mutex_lock(&trial->mutex);
    trial->running = false;
    while ((waiter = TAILQ_FIRST(&trial->waiters)) != NULL)
        waiter_answer(trial, waiter, result);
    pthread_cond_broadcast(&trial->ended);
    pthread_mutex_unlock(&trial->mutex);
}

/* Too late for those who wait since then. With the lock held. */
static bool trial_overdue(const struct trial *trial, uint64_t since_ms, uint64_t now_ms)
{
    return trial->running && now_ms - since_ms >= TRIAL_PATIENCE_MS;
}

static void trial_start(struct exchange *exchange, void *argument)
{
    struct trial_waiter *waiter = argument;
    struct trial *trial = waiter->trial;
    struct done done = { .call = trial_ended, .argument = trial };
    uint64_t now_ms = clock_monotonic_ms();

    waiter->exchange = exchange;
    waiter->since_ms = now_ms;
    pthread_mutex_lock(&trial->mutex);
    bool begins = !trial->running;
    TAILQ_INSERT_TAIL(&trial->waiters, waiter, entry);
    if (begins) {
        trial->running = true;
        trial->begun_ms = now_ms;
    } else if (trial_overdue(trial, trial->begun_ms, now_ms)) {
        waiter_answer(trial, waiter, -ETIMEDOUT);
    }
    pthread_mutex_unlock(&trial->mutex);

    int r = begins ? store_probe(trial->store, done) : 0;
    if (r != 0)
        trial_ended(trial, r);
}

int trial_wait(struct trial *trial, struct exchange *exchange)
{
    struct trial_waiter waiter = { .trial = trial };

    int r = exchange_await(exchange, trial_start, &waiter);
    return r == 0 ? waiter.result : r;
}

void trial_beat(struct trial *trial)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct trial_waiter *waiter;

    pthread_mutex_lock(&trial->mutex);
    while ((waiter = TAILQ_FIRST(&trial->waiters)) != NULL &&
           trial_overdue(trial, waiter->since_ms, now_ms))
        waiter_answer(trial, waiter, -ETIMEDOUT);
    pthread_mutex_unlock(&trial->mutex);
}

void trial_done(struct trial *trial)
{
    pthread_mutex_lock(&trial->mutex);
    while (trial->running)
        pthread_cond_wait(&trial->ended, &trial->mutex);
    pthread_mutex_unlock(&trial->mutex);
    (void)pthread_cond_destroy(&trial->ended);
    (void)pthread_mutex_destroy(&trial->mutex);
}
