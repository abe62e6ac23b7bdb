#pragma once

/*
 * Rates: how fast counters have grown over the last minute
 *
 *   Units      of a sample: milliseconds of the monotonic clock, bytes and requests since the start;
 *              of rates: per second
 *   Threads    any
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RATES_S = 60
};

struct rates_sample {
    uint64_t at_ms;
    uint64_t received_bytes, acknowledged_bytes, requests;
};

struct rates {
    pthread_mutex_t mutex; /* of all below it */
    struct rates_sample samples[RATES_S];
    size_t count, next;
};

struct rates_per_s {
    double received_bytes, acknowledged_bytes, requests;
};

void rates_init(struct rates *rates);
void rates_done(struct rates *rates);

/* To be called once a second. */
void rates_keep(struct rates *rates, const struct rates_sample *sample);

/* From a minute ago, or the first sample, until now; zeroes when there is none. */
struct rates_per_s rates_until(struct rates *rates, const struct rates_sample *now);
