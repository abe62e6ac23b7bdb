#include "tools/ferry/pace.h"

enum {
    PACE_KEPT_MS = 100,
    PACE_PIECE_MS = 20, /* smaller pieces than this cost more than they smooth */
};

/* The allowance of so many milliseconds, at least a byte, in thousandths of a byte. */
static uint64_t pace_share(const struct pace *pace, uint64_t ms)
{
    uint64_t share = pace->bytes_per_s * ms;
    return share < 1000 ? 1000 : share;
}

static size_t pace_take_locked(struct pace *pace, uint64_t now_ms, size_t wanted)
{
    /* another thread may have read the clock later and come earlier */
    uint64_t passed_ms = now_ms > pace->since_ms ? now_ms - pace->since_ms : 0;
    uint64_t kept = pace_share(pace, PACE_KEPT_MS);
    if (passed_ms > 1000)
        passed_ms = 1000;
    pace->allowed += pace->bytes_per_s * passed_ms;
    if (pace->allowed > kept)
        pace->allowed = kept;
    if (now_ms > pace->since_ms)
        pace->since_ms = now_ms;

    uint64_t piece = pace_share(pace, PACE_PIECE_MS);
    if (pace->allowed < piece && pace->allowed < wanted * 1000)
        return 0;
    size_t taken = pace->allowed / 1000 < wanted ? (size_t)(pace->allowed / 1000) : wanted;
    pace->allowed -= taken * 1000;
    return taken;
}

size_t pace_take(struct pace *pace, uint64_t now_ms, size_t wanted)
{
    if (pace->bytes_per_s == 0)
        return wanted;

    (void)pthread_mutex_lock(&pace->mutex);
    size_t taken = pace_take_locked(pace, now_ms, wanted);
    (void)pthread_mutex_unlock(&pace->mutex);
    return taken;
}
