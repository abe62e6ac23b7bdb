#pragma once

/*
 * Clocks
 *
 *   Units   nanoseconds and milliseconds of the monotonic clock, for deadlines and durations;
 *           seconds since 1970-01-01 UTC of the real-time clock, for what people and other
 *           machines read
 */

#include <stdint.h>

uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);
int64_t clock_realtime_s(void);
