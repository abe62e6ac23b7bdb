#include "server/verify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/verify.h"

enum {
    BAR_COLUMNS = 40,
    BAR_INTERVAL_MS = 100,
};

struct bar {
    bool wanted, drawn;
    uint64_t drawn_ms;
};

static const char *finding_name(enum verify_finding finding)
{
    switch (finding) {
    case VERIFY_DAMAGED: return "damaged";
    case VERIFY_MISSING: return "missing";
    case VERIFY_SHORT: return "too short";
    case VERIFY_ORPHAN: return "orphaned";
    case VERIFY_FINDINGS: break;
    }
    return "";
}

static void bar_clear(struct bar *bar)
{
    if (bar->drawn)
        (void)fputs("\r\033[K", stderr);
    bar->drawn = false;
}

static void bar_draw(void *argument, uint64_t bytes, uint64_t bytes_in_all)
{
    static const char full[BAR_COLUMNS + 1] = "========================================";
    struct bar *bar = argument;
    uint64_t now_ms = clock_monotonic_ms();

    if (!bar->wanted || bytes_in_all == 0 || now_ms - bar->drawn_ms < BAR_INTERVAL_MS)
        return;
    double part = (double)bytes / (double)bytes_in_all;
    (void)fprintf(stderr, "\r%3d %% [%-*.*s] %.1f of %.1f GiB", (int)(100 * part), BAR_COLUMNS,
                  (int)(BAR_COLUMNS * part), full, (double)bytes / (1 << 30),
                  (double)bytes_in_all / (1 << 30));
    bar->drawn = true;
    bar->drawn_ms = now_ms;
}

static void say_found(void *argument, enum verify_finding finding, const char *name)
{
    bar_clear(argument);
    (void)printf("%s: %s\n", finding_name(finding), name);
    (void)fflush(stdout);
}

/* Yields whether anything was found. */
static bool say_sum(const struct verify_result *result)
{
    bool found = false;

    (void)printf("%" PRIu64 " uploads, %" PRIu64 " proven by their digests, %" PRIu64
                 " bytes read%s:",
                 result->uploads, result->proven, result->bytes,
                 result->beside ? " beside a running server" : "");
    for (int i = 0; i < VERIFY_FINDINGS; i++) {
        (void)printf("%s %" PRIu64 " %s", i == 0 ? "" : ",", result->findings[i],
                     finding_name((enum verify_finding)i));
        found = found || result->findings[i] > 0;
    }
    (void)puts("");
    return found;
}

int verify_print(const char *directory)
{
    struct bar bar = { .wanted = isatty(STDERR_FILENO) == 1 };
    struct verify_result result = { 0 };
    const struct verify_options options = {
        .directory = directory,
        .found = say_found,
        .progress = bar_draw,
        .argument = &bar,
    };

    int r = verify_run(&options, &result);
    bar_clear(&bar);
    if (r != 0)
        return 1;
    return say_sum(&result) || fflush(stdout) != 0 ? 1 : 0;
}
