#define LOG_MODULE "workers"
#include "base/workers.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/refusal.h"

struct workers {
    const char *name;
    struct histogram wait;
    pthread_mutex_t mutex; /* guards all below it */
    pthread_cond_t work;   /* a job came, or it is time to stop */
    struct job *first, **last;
    size_t waiting_count, waiting_max, running_count;
    unsigned idle_count;
    bool waking; /* an idle thread was called, and has not come yet */
    bool stopping;
    unsigned thread_count;
    pthread_t threads[];
};

/* Calls an idle thread for the first job. Never a second one before the first has come: who comes calls the next,
 * if there is still something to do. So many short jobs do not cost as many switches of threads. */
static void workers_wake(struct workers *workers)
{
    if (workers->first == NULL || workers->waking || workers->idle_count == 0)
        return;
    workers->waking = true;
    pthread_cond_signal(&workers->work);
}

/* The next job, for a thread that has run one or comes for its first; NULL when there is none and there will
 * be none. Waits. */
static struct job *workers_take(struct workers *workers, bool ran)
{
    pthread_mutex_lock(&workers->mutex);
    workers->running_count -= ran;
    while (workers->first == NULL && !workers->stopping) {
        workers->idle_count++;
        pthread_cond_wait(&workers->work, &workers->mutex);
        workers->idle_count--;
        workers->waking = false;
    }

    struct job *job = workers->first;
    if (job != NULL) {
        workers->first = job->next;
        if (workers->first == NULL)
            workers->last = &workers->first;
        workers->waiting_count--;
        workers->running_count++;
    }
    workers_wake(workers);
    pthread_mutex_unlock(&workers->mutex);
    return job;
}

static void *workers_run(void *argument)
{
    struct workers *workers = argument;
    bool ran = false;
    struct job *job;

    (void)pthread_setname_np(pthread_self(), workers->name);
    while ((job = workers_take(workers, ran)) != NULL) {
        histogram_add(&workers->wait, clock_monotonic_ns() - job->submitted_ns);
        job->run(job);
        ran = true;
    }
    return NULL;
}

int workers_start(const char *name, unsigned threads, size_t waiting_max,
                  struct workers **ret_workers)
{
    assert(threads > 0);
    struct workers *workers = calloc(1, sizeof(*workers) + threads * sizeof(pthread_t));
    if (workers == NULL)
        return fail_errno("start workers");

    assert(strlen(name) < 16); /* as the kernel keeps it */
    workers->name = name;
    (void)pthread_mutex_init(&workers->mutex, NULL);
    (void)pthread_cond_init(&workers->work, NULL);
    histogram_init(&workers->wait, &HISTOGRAM_TIMES);
    workers->last = &workers->first;
    workers->waiting_max = waiting_max;
    for (unsigned i = 0; i < threads; i++) {
        int code = pthread_create(&workers->threads[i], NULL, workers_run, workers);
        if (code != 0) {
            workers_stop(workers);
            return fail_code(code, "start worker %u", i);
        }
        workers->thread_count++;
    }

    *ret_workers = workers;
    return 0;
}

int workers_submit(struct workers *workers, struct job *job)
{
    int r = REFUSED_OVERLOADED;

    job->submitted_ns = clock_monotonic_ns();
    pthread_mutex_lock(&workers->mutex);
    if (workers->waiting_count < workers->waiting_max) {
        job->next = NULL;
        *workers->last = job;
        workers->last = &job->next;
        workers->waiting_count++;
        workers_wake(workers);
        r = 0;
    }
    pthread_mutex_unlock(&workers->mutex);
    return r;
}

struct workers_counts workers_counts(struct workers *workers)
{
    struct workers_counts counts = { .wait = histogram_read(&workers->wait) };

    pthread_mutex_lock(&workers->mutex);
    counts.waiting = workers->waiting_count;
    counts.running = workers->running_count;
    counts.threads = workers->thread_count;
    pthread_mutex_unlock(&workers->mutex);
    return counts;
}

void workers_stop(struct workers *workers)
{
    if (workers == NULL)
        return;

    pthread_mutex_lock(&workers->mutex);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->work);
    pthread_mutex_unlock(&workers->mutex);

    for (unsigned i = 0; i < workers->thread_count; i++)
        (void)pthread_join(workers->threads[i], NULL);
    (void)pthread_cond_destroy(&workers->work);
    (void)pthread_mutex_destroy(&workers->mutex);
    free(workers);
}
