#pragma once

/*
 * Backoff: how long to wait before the next try, and when to give up
 *
 * The wait doubles with every failure in a row up to BACKOFF_MAXIMUM_MS; half of it is left to
 * chance, so that many clients that lost the same server do not come back in step. Progress
 * begins it all again. What counts for giving up is the time since the first failure after the
 * last progress: an upload that went on for hours has not failed for hours.
 *
 *   Units  milliseconds of the monotonic clock
 *   Shape  values only: the caller brings the time and the chance
 */

#include <stdbool.h>
#include <stdint.h>

enum {
    BACKOFF_MAXIMUM_MS = 30 * 1000
};

struct backoff {
    uint64_t first_ms;    /* the wait after the first failure, before chance shortens it */
    uint64_t patience_ms; /* 0: for ever */
    unsigned failure_count;
    uint64_t failing_since_ms; /* while failure_count > 0 */
};

void backoff_progress(struct backoff *backoff);

/*
 * After a failure: true and how long to wait, false when it is time to give up.
 *
 * at_least_ms is what the server asked for (Retry-After), or 0; when it reaches beyond the
 * patience that is left, it is time to give up at once.
 */
bool backoff_failure(struct backoff *backoff, uint64_t now_ms, uint32_t chance,
                     uint64_t at_least_ms, uint64_t *ret_wait_ms);
