/*
 * What the janitor costs a writer: durable appends while very many uploads expire
 *
 * One writer goes on with the next 4 KiB as soon as the last are safe; first alone, then while
 * another thread sweeps uploads that have a file of 4 KiB each, some of them a large one. The files
 * are made beside the store and synced, as nothing about them but their number and size counts.
 */
#define LOG_MODULE "bench"
#include "tools/store_bench/bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "storage/blocking.h"

enum {
    EXPIRE_AFTER_S = 7 * 24 * 3600,
    PIECE_BYTES = 4096,
    MOST_APPENDS = 1000 * 1000,
    ALONE_S = 10,
    LARGE_EVERY = 5000, /* one of so many has a large file */
};

#define LARGE_BYTES (UINT64_C(512) << 20)

static const uint8_t piece[PIECE_BYTES] = { 1, 2, 3 };
static double latencies_ms[MOST_APPENDS];

/* ---- the uploads that will expire ---- */

static void file_make(struct store *store, const struct upload_id *id, bool large)
{
    AUTO_FREE char *path = upload_path(store, id);

    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, piece, PIECE_BYTES) != PIECE_BYTES)
        fail_fatal("write %s", path);
    if (large && posix_fallocate(fd, 0, (off_t)LARGE_BYTES) != 0)
        fail_fatal("allocate %s", path);
}

static void uploads_make(struct store *store, const char *directory, uint64_t count)
{
    AUTO_FREE struct upload_id *ids = calloc(count, sizeof(*ids));

    if (ids == NULL)
        fail_fatal("memory for %" PRIu64 " ids", count);
    bench_create(store, ids, count);
    for (uint64_t i = 0; i < count; i++)
        file_make(store, &ids[i], i % LARGE_EVERY == LARGE_EVERY - 1);
    AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
        fail_fatal("sync %s", directory);
}

/* ---- the writer ---- */

/* Until the time is over and the other one has come to its end. */
static uint64_t append_until(struct upload *upload, double until, const atomic_bool *running)
{
    uint64_t count = 0;

    while (count < MOST_APPENDS && (bench_seconds() < until || atomic_load(running))) {
        double start = bench_seconds();
        bench_expect(upload_append_wait(upload, bytes_of(piece, PIECE_BYTES)), "append");
        bench_expect(upload_commit_wait(upload), "commit");
        latencies_ms[count++] = (bench_seconds() - start) * 1e3;
    }
    return count;
}

static void row(const char *what, double *values, uint64_t count, double seconds)
{
    (void)printf("| %s | %.1f | %" PRIu64 " | %.2f | %.2f | %.2f | %.1f |\n", what, seconds, count,
                 bench_percentile(values, count, 0.5), bench_percentile(values, count, 0.9),
                 bench_percentile(values, count, 0.99), bench_percentile(values, count, 1));
    (void)fflush(stdout);
}

/* ---- the sweep ---- */

struct sweeper {
    struct store *store;
    atomic_bool running;
    double seconds;
};

static void *sweeper_run(void *argument)
{
    struct sweeper *sweeper = argument;
    double start = bench_seconds();

    bench_expect(store_sweep(sweeper->store), "sweep");
    sweeper->seconds = bench_seconds() - start;
    atomic_store(&sweeper->running, false);
    return NULL;
}

void bench_janitor(const char *directory, uint64_t count)
{
    const struct upload_creation creation = { .digest_algorithm = DIGEST_NONE };
    const struct upload_writer options = { .patience_ms = 1000 };
    struct upload *upload = NULL;
    struct upload_id id;
    pthread_t thread;

    bench_clock_take_over();
    struct store *store = bench_open(directory, EXPIRE_AFTER_S);
    struct sweeper sweeper = { .store = store };
    bench_expect(store_sweep(store), "sweep");
    uploads_make(store, directory, count);
    bench_clock_forward(INT64_C(2) * EXPIRE_AFTER_S);
    bench_expect(upload_create_wait(store, &creation, &id), "create an upload");
    bench_expect(upload_open_wait(store, &id, &options, &upload), "open an upload");

    (void)puts(
        "| 4 KiB, durable | s | appends | median, ms | 90 % | 99 % | longest |\n"
        "|---|---|---|---|---|---|---|");
    uint64_t appends = append_until(upload, bench_seconds() + ALONE_S, &sweeper.running);
    row("alone", latencies_ms, appends, ALONE_S);
    atomic_store(&sweeper.running, true);
    bench_expect(pthread_create(&thread, NULL, sweeper_run, &sweeper), "start a thread");
    appends = append_until(upload, 0, &sweeper.running);
    (void)pthread_join(thread, NULL);
    row("beside a sweep", latencies_ms, appends, sweeper.seconds);
    if (store_statistics(store).expired_uploads != count)
        fail_fatal("%" PRIu64 " have expired, not %" PRIu64,
                   store_statistics(store).expired_uploads, count);
    upload_close(upload);
    store_close(store);
}
