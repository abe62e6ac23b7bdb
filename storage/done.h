#pragma once

/*
 * Done: how storage tells that something it was asked for has happened
 *
 * Whatever touches the disk or the database takes a struct done and returns at once. The result
 * arrives by one call on a thread of storage, possibly before the function that asked has
 * returned, never on the caller's own thread, and exactly once.
 *
 *   Results  0, a refusal (> 0) or a failure (< 0), as everywhere
 *   Rules    the function must not block and must not wait for storage; it may call any function
 *            of storage that does not block. No lock of storage is held while it runs.
 *
 * A caller that wants to wait uses a struct completion:
 *
 *     struct completion completion;
 *     completion_init(&completion);
 *     upload_commit(upload, completion_done(&completion));
 *     r = completion_wait(&completion);
 */

#include <pthread.h>
#include <stdbool.h>

struct done {
    void (*call)(void *argument, int result); /* NULL: nobody wants to know */
    void *argument;
};

static inline void done_call(struct done done, int result)
{
    if (done.call != NULL)
        done.call(done.argument, result);
}

struct completion {
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    bool complete;
    int result;
};

void completion_init(struct completion *completion);
struct done completion_done(struct completion *completion);

/* Waits for the one call, leaves nothing to be freed, and yields the result. */
int completion_wait(struct completion *completion);

/* The same after a function that may not have begun: then its own result, at once. */
int completion_wait_begun(struct completion *completion, int begun);
