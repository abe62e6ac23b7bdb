/*
 * Measures the store; the figures in spec/performance.md come from here
 *
 *     store_bench appends DIRECTORY [ROUNDS [MILLISECONDS]]
 *     store_bench million DIRECTORY [COUNT]
 *     store_bench janitor DIRECTORY [COUNT]
 *     store_bench digests DIRECTORY [ROUNDS [MEBIBYTES]]
 *
 * DIRECTORY is made and must be empty; it stays when the program ends. Prints Markdown tables.
 */
#define LOG_MODULE "bench"
#include "tools/store_bench/bench.h"

#include <err.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/number.h"
#include "storage/os.h"

static _Atomic int64_t bench_clock;

void bench_expect(int r, const char *doing)
{
    if (r != 0)
        fail_fatal("%s: result %d", doing, r);
}

double bench_seconds(void)
{
    return (double)clock_monotonic_ns() / 1e9;
}

static double timeval_seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

double bench_cpu_seconds(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime);
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

double bench_percentile(double *values, size_t count, double part)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare);
    return values[(size_t)(part * (double)(count - 1))];
}

int64_t bench_clock_now(void)
{
    return atomic_load(&bench_clock);
}

static uint64_t bench_clock_ms(void)
{
    return (uint64_t)bench_clock_now() * 1000;
}

void bench_clock_take_over(void)
{
    atomic_store(&bench_clock, clock_realtime_s());
    os.realtime_s = bench_clock_now;
    os.monotonic_ms = bench_clock_ms;
}

void bench_clock_forward(int64_t seconds)
{
    atomic_fetch_add(&bench_clock, seconds);
}

struct store *bench_open(const char *directory, uint32_t expire_after_s)
{
    const struct store_options options = {
        .directory = directory,
        .expire_after_s = expire_after_s,
        .manual = true,
    };
    struct store *store;

    bench_expect(store_open(&options, &store), "open the store");
    return store;
}

static uint64_t number(int count, char **arguments, int at, uint64_t otherwise)
{
    uint64_t number = otherwise;

    if (at < count && !number_parse(bytes_of_text(arguments[at]), UINT32_MAX, &number))
        errx(2, "not a number: %s", arguments[at]);
    return number;
}

int main(int count, char **arguments)
{
    log_set_level(LOG_LEVEL_WARNING);
    if (count >= 3 && strcmp(arguments[1], "appends") == 0)
        bench_appends(arguments[2], number(count, arguments, 3, 5),
                      number(count, arguments, 4, 3000));
    else if (count >= 3 && strcmp(arguments[1], "million") == 0)
        bench_million(arguments[2], number(count, arguments, 3, 1000000));
    else if (count >= 3 && strcmp(arguments[1], "janitor") == 0)
        bench_janitor(arguments[2], number(count, arguments, 3, 100000));
    else if (count >= 3 && strcmp(arguments[1], "digests") == 0)
        bench_digests(arguments[2], number(count, arguments, 3, 9),
                      number(count, arguments, 4, 1024));
    else if (count >= 3 && strcmp(arguments[1], "joins") == 0)
        bench_joins(arguments[2], number(count, arguments, 3, 200));
    else if (count >= 3 && strcmp(arguments[1], "materialise") == 0)
        bench_materialise(arguments[2], number(count, arguments, 3, UINT64_C(10) * 1024 * 1024));
    else
        errx(2,
             "usage: store_bench appends DIRECTORY [ROUNDS [MILLISECONDS]]\n"
             "       store_bench million DIRECTORY [COUNT]\n"
             "       store_bench janitor DIRECTORY [COUNT]\n"
             "       store_bench digests DIRECTORY [ROUNDS [MEBIBYTES]]\n"
             "       store_bench joins DIRECTORY [ROUNDS]\n"
             "       store_bench materialise DIRECTORY [BYTES]");
    return 0;
}
