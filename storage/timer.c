#define LOG_MODULE "timer"
#include "storage/timer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/fail.h"
#include "storage/store.h"

enum {
    TICK_MS = 100,
    PRESSED_TICK_MS = 5, /* at least between two ticks, however often it is pressed */
};

struct timer {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping, pressed;
};

static struct timespec time_in(long milliseconds)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += milliseconds * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

/* Until the time, or until it is stopped, or pressed where that counts. False: stopped. */
static bool timer_wait(struct timer *timer, long milliseconds, bool until_pressed)
{
    struct timespec deadline = time_in(milliseconds);
    int code = 0;

    pthread_mutex_lock(&timer->mutex);
    while (code == 0 && !timer->stopping && !(until_pressed && timer->pressed))
        code = pthread_cond_timedwait(&timer->changed, &timer->mutex, &deadline);
    bool stopping = timer->stopping;
    if (until_pressed)
        timer->pressed = false;
    pthread_mutex_unlock(&timer->mutex);
    return !stopping;
}

static void *timer_run(void *argument)
{
    struct timer *timer = argument;

    (void)pthread_setname_np(pthread_self(), "ferry-timer");
    while (timer_wait(timer, PRESSED_TICK_MS, false) && timer_wait(timer, TICK_MS, true))
        store_tick(timer->store);
    return NULL;
}

struct timer *timer_new(struct store *store)
{
    struct timer *timer = calloc(1, sizeof(*timer));
    if (timer == NULL) {
        (void)fail_errno("memory for the timer");
        return NULL;
    }

    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&timer->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&timer->mutex, NULL);
    timer->store = store;

    int code = pthread_create(&timer->thread, NULL, timer_run, timer);
    if (code == 0)
        return timer;
    (void)fail_code(code, "start the thread of the timer");
    free(timer);
    return NULL;
}

void timer_free(struct timer *timer)
{
    if (timer == NULL)
        return;

    pthread_mutex_lock(&timer->mutex);
    timer->stopping = true;
    pthread_cond_signal(&timer->changed);
    pthread_mutex_unlock(&timer->mutex);
    (void)pthread_join(timer->thread, NULL);

    pthread_mutex_destroy(&timer->mutex);
    pthread_cond_destroy(&timer->changed);
    free(timer);
}

void timer_press(struct timer *timer)
{
    pthread_mutex_lock(&timer->mutex);
    timer->pressed = true;
    pthread_cond_signal(&timer->changed);
    pthread_mutex_unlock(&timer->mutex);
}
