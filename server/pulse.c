#define LOG_MODULE "pulse"
#include "server/pulse.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/fail.h"

struct pulse {
    void (*beat)(void *argument);
    void *argument;
    pthread_t thread;
    pthread_mutex_t mutex; /* of stopping */
    pthread_cond_t stop;
    bool stopping;
};

static void *pulse_run(void *argument)
{
    struct pulse *pulse = argument;
    struct timespec next;

    (void)pthread_setname_np(pthread_self(), "ferry-pulse");
    (void)clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&pulse->mutex);
    while (!pulse->stopping) {
        next.tv_sec++;
        int code = 0;
        while (!pulse->stopping && code == 0)
            code = pthread_cond_timedwait(&pulse->stop, &pulse->mutex, &next);
        if (pulse->stopping)
            break;
        pthread_mutex_unlock(&pulse->mutex);
        pulse->beat(pulse->argument);
        pthread_mutex_lock(&pulse->mutex);
    }
    pthread_mutex_unlock(&pulse->mutex);
    return NULL;
}

static void pulse_free(struct pulse *pulse)
{
    (void)pthread_cond_destroy(&pulse->stop);
    (void)pthread_mutex_destroy(&pulse->mutex);
    free(pulse);
}

int pulse_start(void (*beat)(void *argument), void *argument, struct pulse **ret_pulse)
{
    struct pulse *pulse = calloc(1, sizeof(*pulse));
    pthread_condattr_t attributes;

    if (pulse == NULL)
        return fail_errno("start the pulse");
    pulse->beat = beat;
    pulse->argument = argument;
    (void)pthread_mutex_init(&pulse->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&pulse->stop, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    int code = pthread_create(&pulse->thread, NULL, pulse_run, pulse);
    if (code != 0) {
        pulse_free(pulse);
        return fail_code(code, "start the pulse");
    }
    *ret_pulse = pulse;
    return 0;
}

void pulse_stop(struct pulse *pulse)
{
    if (pulse == NULL)
        return;

    pthread_mutex_lock(&pulse->mutex);
    pulse->stopping = true;
    pthread_cond_signal(&pulse->stop);
    pthread_mutex_unlock(&pulse->mutex);
    (void)pthread_join(pulse->thread, NULL);
    pulse_free(pulse);
}
