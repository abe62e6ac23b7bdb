#include "tests/crash/world.h"

#include <err.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "storage/os.h"
#include "tests/crash/ledger.h"

static _Atomic int64_t world_now;

void world_set_time(int64_t now)
{
    atomic_store(&world_now, now);
}

int64_t world_time(void)
{
    return atomic_load(&world_now);
}

static uint64_t world_time_ms(void)
{
    return (uint64_t)world_time() * 1000;
}

struct store *world_open(const char *directory, int64_t now, bool materialise)
{
    const struct store_options options = {
        .directory = directory,
        .dirty_bytes = 1 << 20,
        .buffer_bytes = 2 << 20,
        .file_count = 8,
        .commit_bytes = 64 << 10,
        .commit_soon_bytes = 16 << 10,
        .commit_soon_ms = 1000,
        .commit_late_ms = 3000,
        .commit_together = 1 + (uint32_t)(now % 3),
        .commit_together_ms = UINT32_MAX, /* the clock jumps */
        .expire_after_s = EXPIRE_AFTER_S,
        .tombstone_s = TOMBSTONE_S,
        .materialise = materialise,
        .wal_bytes = 256 << 10,
        .manual = true,
    };
    struct store *store;

    log_set_level(LOG_LEVEL_WARNING);
    world_set_time(now);
    os.realtime_s = world_time;
    os.monotonic_ms = world_time_ms;
    if (store_open(&options, &store) != 0)
        world_violation("the store in %s does not open", directory);
    return store;
}

void world_violation(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)printf("VIOLATION ");
    (void)vprintf(format, arguments);
    (void)putchar('\n');
    va_end(arguments);
    (void)fflush(stdout);
    _Exit(3);
}
