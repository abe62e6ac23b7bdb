#include "tools/ferry_bench/latency.h"

#include <stddef.h>

enum {
    STEP_BITS = 6
};
_Static_assert(1 << STEP_BITS == LATENCY_STEPS, "the steps of one power of two");

/* Below 128 one for each value; then 64 for every power of two. */
static size_t bucket_of(uint64_t ns)
{
    if (ns < (uint64_t)2 * LATENCY_STEPS)
        return (size_t)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - STEP_BITS;
    size_t bucket = (size_t)((uint64_t)shift * LATENCY_STEPS + (ns >> shift));

    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static uint64_t bucket_most(size_t bucket)
{
    if (bucket < (size_t)2 * LATENCY_STEPS)
        return bucket;
    size_t shift = bucket / LATENCY_STEPS - 1;

    return ((bucket - shift * LATENCY_STEPS + 1) << shift) - 1;
}

void latency_add(struct latency *latency, uint64_t ns)
{
    latency->buckets[bucket_of(ns)]++;
    latency->count++;
    latency->sum += ns;
    if (ns > latency->most)
        latency->most = ns;
}

uint64_t latency_at(const struct latency *latency, double part)
{
    double exact = part * (double)latency->count;
    uint64_t wanted = (uint64_t)exact, seen = 0;

    if ((double)wanted < exact)
        wanted++;

    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen >= wanted && seen > 0)
            return bucket_most(i) < latency->most ? bucket_most(i) : latency->most;
    }
    return latency->most;
}

uint64_t latency_mean(const struct latency *latency)
{
    return latency->count > 0 ? latency->sum / latency->count : 0;
}
