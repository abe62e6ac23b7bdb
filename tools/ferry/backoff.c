#include "tools/ferry/backoff.h"

void backoff_progress(struct backoff *backoff)
{
    backoff->failure_count = 0;
}

static uint64_t backoff_wait(const struct backoff *backoff, uint32_t chance)
{
    uint64_t wait_ms = backoff->first_ms;

    for (unsigned i = 1; i < backoff->failure_count && wait_ms < BACKOFF_MAXIMUM_MS; i++)
        wait_ms *= 2;
    if (wait_ms > BACKOFF_MAXIMUM_MS)
        wait_ms = BACKOFF_MAXIMUM_MS;
    return wait_ms - wait_ms / 2 * chance / UINT32_MAX;
}

bool backoff_failure(struct backoff *backoff, uint64_t now_ms, uint32_t chance,
                     uint64_t at_least_ms, uint64_t *ret_wait_ms)
{
    if (backoff->failure_count == 0)
        backoff->failing_since_ms = now_ms;
    backoff->failure_count++;

    uint64_t wait_ms = backoff_wait(backoff, chance);
    if (wait_ms < at_least_ms)
        wait_ms = at_least_ms;

    if (backoff->patience_ms > 0) {
        uint64_t failing_ms = now_ms - backoff->failing_since_ms;
        if (failing_ms >= backoff->patience_ms || at_least_ms > backoff->patience_ms - failing_ms)
            return false;
        if (wait_ms > backoff->patience_ms - failing_ms)
            wait_ms = backoff->patience_ms - failing_ms; /* the last try is at the very end */
    }

    *ret_wait_ms = wait_ms;
    return true;
}
