#include "base/clock.h"

#include <assert.h>
#include <time.h>

static struct timespec clock_read(clockid_t id)
{
    struct timespec now;
    int r = clock_gettime(id, &now);
    assert(r == 0); /* fails for an unknown clock alone */

    return now;
}

uint64_t clock_monotonic_ns(void)
{
    struct timespec now = clock_read(CLOCK_MONOTONIC);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

int64_t clock_realtime_s(void)
{
    return clock_read(CLOCK_REALTIME).tv_sec;
}
