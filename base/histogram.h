#pragma once

/*
 * Histograms: how often a value was at most each of some bounds
 *
 * Adding is two increments and no lock, so it may be done wherever something is to be measured. What is
 * read meanwhile may have a value in its counts and not yet in its sum.
 *
 *   Units     the bounds': nanoseconds for HISTOGRAM_TIMES, pieces for HISTOGRAM_SIZES
 *   Threads   any, but for histogram_init()
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_BOUNDS_MAX = 18
};

struct histogram_bounds {
    size_t count;
    uint64_t at[HISTOGRAM_BOUNDS_MAX]; /* upwards */
};

extern const struct histogram_bounds HISTOGRAM_TIMES; /* 100 us to a minute */
extern const struct histogram_bounds HISTOGRAM_SIZES; /* 1 to 1024 */

struct histogram {
    const struct histogram_bounds *bounds;
    atomic_uint_fast64_t counts[HISTOGRAM_BOUNDS_MAX + 1], sum;
};

/* What was in one at a time. */
struct histogram_reading {
    const struct histogram_bounds *bounds;
    uint64_t counts[HISTOGRAM_BOUNDS_MAX +
                    1]; /* above the bound before, at most this one; the last: above all */
    uint64_t sum;
};

void histogram_init(struct histogram *histogram, const struct histogram_bounds *bounds);
void histogram_add(struct histogram *histogram, uint64_t value);
struct histogram_reading histogram_read(const struct histogram *histogram);
