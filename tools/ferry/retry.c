#include "tools/ferry/retry.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "tools/ferry/say.h"
#include "tools/ferry/stop.h"

enum outcome retry_wait(struct backoff *backoff, const struct answer *answer, struct report *report,
                        const char *name)
{
    uint32_t chance = 0;
    uint64_t wait_ms = 0;

    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
        chance = (uint32_t)clock_monotonic_ns();
    if (!backoff_failure(backoff, clock_monotonic_ms(), chance, answer->retry_after_s * 1000,
                         &wait_ms))
        return OUTCOME_RETRY;

    if (report != NULL)
        report_retry(report, answer->reason, wait_ms);
    else
        say_note("%s: %s; trying again", name, answer->reason);
    stop_wait(wait_ms);
    return stop_asked() ? OUTCOME_STOPPED : OUTCOME_OK;
}
