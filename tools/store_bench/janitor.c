/*
 * What the janitor costs a writer: durable appends while very many uploads expire
 *
 * One writer goes on with the next 4 KiB as soon as the last are safe, in turns alone and while
 * another thread sweeps a part of uploads that have a file of 4 KiB each, some of them a large one:
 * so both see the same weather of a shared machine. The files are made beside the store and synced,
 * as nothing about them but their number and size counts.
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
    ROUNDS = 10,
    LARGE_EVERY = 5000, /* one of so many has a large file */
};

#define LARGE_BYTES (UINT64_C(512) << 20)

static const uint8_t piece[PIECE_BYTES] = { 1, 2, 3 };

struct latencies {
    double ms[MOST_APPENDS];
    uint64_t count;
    double seconds;
};

static struct latencies alone, beside;

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
static void append_until(struct upload *upload, double until, const atomic_bool *running,
                         struct latencies *latencies)
{
    double begin = bench_seconds();

    while (latencies->count < MOST_APPENDS && (bench_seconds() < until || atomic_load(running))) {
        double start = bench_seconds();
        bench_expect(upload_append_wait(upload, bytes_of(piece, PIECE_BYTES)), "append");
        bench_expect(upload_commit_wait(upload), "commit");
        latencies->ms[latencies->count++] = (bench_seconds() - start) * 1e3;
    }
    latencies->seconds += bench_seconds() - begin;
}

static void row(const char *what, struct latencies *all)
{
    (void)printf(
        "| %s | %.1f | %" PRIu64 " | %.2f | %.2f | %.2f | %.1f |\n", what, all->seconds, all->count,
        bench_percentile(all->ms, all->count, 0.5), bench_percentile(all->ms, all->count, 0.9),
        bench_percentile(all->ms, all->count, 0.99), bench_percentile(all->ms, all->count, 1));
}

/* ---- the sweep ---- */

struct sweeper {
    struct store *store;
    atomic_bool running;
};

static void *sweeper_run(void *argument)
{
    struct sweeper *sweeper = argument;

    bench_expect(store_sweep(sweeper->store), "sweep");
    atomic_store(&sweeper->running, false);
    return NULL;
}

/* The sweep of what has expired by now, then as long without one. */
static void turn(struct sweeper *sweeper, struct upload *upload)
{
    double begin = bench_seconds();
    pthread_t thread;

    atomic_store(&sweeper->running, true);
    bench_expect(pthread_create(&thread, NULL, sweeper_run, sweeper), "start a thread");
    append_until(upload, 0, &sweeper->running, &beside);
    (void)pthread_join(thread, NULL);
    append_until(upload, 2 * bench_seconds() - begin, &sweeper->running, &alone);
}

void bench_janitor(const char *directory, uint64_t count)
{
    const struct upload_creation creation = { .digest_algorithm = DIGEST_NONE };
    const struct upload_writer options = { .patience_ms = 1000 };
    struct upload *upload = NULL;
    struct upload_id id;

    bench_clock_take_over();
    struct store *store = bench_open(directory, EXPIRE_AFTER_S);
    struct sweeper sweeper = { .store = store };
    int64_t begin = bench_clock_now();
    uploads_make(store, directory, count);
    int64_t took = bench_clock_now() - begin;
    bench_clock_forward(EXPIRE_AFTER_S - took - 1);
    bench_expect(store_sweep(store), "sweep"); /* the clock has been even for long enough */
    bench_expect(upload_create_wait(store, &creation, &id), "create an upload");
    bench_expect(upload_open_wait(store, &id, &options, &upload), "open an upload");

    for (int round = 0; round < ROUNDS; round++) {
        bench_clock_forward(took / ROUNDS + 1);
        turn(&sweeper, upload);
    }
    if (store_statistics(store).expired_uploads != count)
        fail_fatal("%" PRIu64 " have expired, not %" PRIu64,
                   store_statistics(store).expired_uploads, count);
    (void)puts(
        "| 4 KiB, durable | s | appends | median, ms | 90 % | 99 % | longest |\n"
        "|---|---|---|---|---|---|---|");
    row("alone", &alone);
    row("beside a sweep", &beside);
    upload_close(upload);
    store_close(store);
}
