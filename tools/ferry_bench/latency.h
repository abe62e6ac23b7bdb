#pragma once

/*
 * Latencies, each kept to within 1.6 % of itself
 *
 * A histogram with 64 steps in every power of two, as HdrHistogram has them: percentiles far out are as
 * exact as the median, and adding costs an increment. base/histogram.h has bounds that people read; this one
 * has those that nobody has to choose.
 *
 *   Units     nanoseconds; what is longer than 73 minutes counts as that
 */

#include <stdint.h>

enum {
    LATENCY_STEPS = 64,
    LATENCY_BUCKETS = LATENCY_STEPS * 37,
};

struct latency {
    uint64_t count, sum, most;
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t ns);

/* The least value that this part of all is not above, 0 <= part <= 1; 0 when there is none. */
uint64_t latency_at(const struct latency *latency, double part);

uint64_t latency_mean(const struct latency *latency);
