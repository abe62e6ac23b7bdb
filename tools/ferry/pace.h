#pragma once

/*
 * Pace: how many bytes may go out now (--limit-rate)
 *
 * Allowances grow with time and are kept for a tenth of a second at most, so the rate holds over
 * any longer span, across requests too, and for several at a time together.
 *
 *   Threads  any
 *   Units  milliseconds of the monotonic clock; bytes
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
    uint64_t bytes_per_s; /* 0: no limit */
    uint64_t allowed;     /* in thousandths of a byte */
    uint64_t since_ms;
    pthread_mutex_t mutex; /* zeros make one */
};

/* How many of the wanted bytes may go out now; 0: wait a little. Counts them as gone. */
size_t pace_take(struct pace *pace, uint64_t now_ms, size_t wanted);
