#include "base/histogram.h"

#include <string.h>

#define US UINT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)

const struct histogram_bounds HISTOGRAM_TIMES = {
    .count = 18,
    .at = { 100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS,
            100 * MS, 250 * MS, 500 * MS, 1 * S, 2500 * MS, 5 * S, 10 * S, 30 * S, 60 * S },
};

#undef US
#undef MS
#undef S

const struct histogram_bounds HISTOGRAM_SIZES = {
    .count = 11,
    .at = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024 },
};

void histogram_init(struct histogram *histogram, const struct histogram_bounds *bounds)
{
    memset(histogram, 0, sizeof(*histogram));
    histogram->bounds = bounds;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    const struct histogram_bounds *bounds = histogram->bounds;
    size_t i = 0;

    while (i < bounds->count && value > bounds->at[i])
        i++;
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

struct histogram_reading histogram_read(const struct histogram *histogram)
{
    struct histogram_reading reading = { .bounds = histogram->bounds };

    for (size_t i = 0; i <= histogram->bounds->count; i++)
        reading.counts[i] = atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
    reading.sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
    return reading;
}
