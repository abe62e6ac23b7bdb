/*
 * Durable appends: N writers, each with a file of its own, each going on with the next 4 KiB as
 * soon as the last are safe
 *
 *   bare    N threads of pwrite and fdatasync: the disk and nothing else
 *   store   upload_append and upload_commit, by one thread that is told what has been answered, as
 *           the server's loops are
 *
 * They take turns, so that both see the same weather of a shared machine.
 */
#define LOG_MODULE "bench"
#include "tools/store_bench/bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "storage/blocking.h"

enum {
    PIECE_BYTES = 4096,
    MOST_WRITERS = 256,
    MOST_ROUNDS = 64,
};

static const uint8_t piece[PIECE_BYTES] = { 1, 2, 3 };

struct measure {
    double per_s, cpu_us; /* appends, and processor time of one */
};

struct series {
    double bare[MOST_ROUNDS], store[MOST_ROUNDS], ratio[MOST_ROUNDS], cpu_us[MOST_ROUNDS];
    double bare_cpu_us[MOST_ROUNDS];
};

static struct measure measure_of(uint64_t appends, double seconds, double cpu_seconds)
{
    return (struct measure){ .per_s = (double)appends / seconds,
                             .cpu_us = appends > 0 ? cpu_seconds * 1e6 / (double)appends : 0 };
}

/* ---- bare ---- */

struct bare_writer {
    pthread_t thread;
    int fd;
    const atomic_bool *stop;
    uint64_t appends;
};

static void *bare_run(void *argument)
{
    struct bare_writer *writer = argument;

    while (!atomic_load(writer->stop)) {
        off_t at = (off_t)(writer->appends * PIECE_BYTES);
        if (pwrite(writer->fd, piece, PIECE_BYTES, at) != PIECE_BYTES || fdatasync(writer->fd) < 0)
            fail_fatal("write a bare file");
        writer->appends++;
    }
    return NULL;
}

static int bare_open(const char *directory, uint64_t number)
{
    AUTO_FREE char *path = NULL;

    if (asprintf(&path, "%s/%" PRIu64, directory, number) < 0)
        fail_fatal("memory");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        fail_fatal("open %s", path);
    return fd;
}

static struct measure bare_measure(const char *directory, uint64_t writers, uint64_t round_ms)
{
    struct bare_writer all[MOST_WRITERS];
    atomic_bool stop = false;
    uint64_t appends = 0;

    for (uint64_t i = 0; i < writers; i++)
        all[i] = (struct bare_writer){ .fd = bare_open(directory, i), .stop = &stop };
    double start = bench_seconds();
    double cpu = bench_cpu_seconds();
    for (uint64_t i = 0; i < writers; i++)
        bench_expect(pthread_create(&all[i].thread, NULL, bare_run, &all[i]), "start a thread");
    (void)usleep((useconds_t)round_ms * 1000);
    atomic_store(&stop, true);
    for (uint64_t i = 0; i < writers; i++) {
        (void)pthread_join(all[i].thread, NULL);
        appends += all[i].appends;
    }
    struct measure measure =
        measure_of(appends, bench_seconds() - start, bench_cpu_seconds() - cpu);
    for (uint64_t i = 0; i < writers; i++)
        (void)close(all[i].fd);
    return measure;
}

/* ---- store ---- */

/* What has been answered and not been looked at: the inbox of an event loop. */
struct inbox {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct store_writer *first, **last;
};

struct store_writer {
    struct upload *upload;
    struct inbox *inbox;
    struct store_writer *next;
    int result;
};

static void store_answered(void *argument, int result)
{
    struct store_writer *writer = argument;
    struct inbox *inbox = writer->inbox;

    writer->result = result;
    writer->next = NULL;
    pthread_mutex_lock(&inbox->mutex);
    bool empty = inbox->first == NULL;
    *inbox->last = writer;
    inbox->last = &writer->next;
    if (empty)
        pthread_cond_signal(&inbox->filled);
    pthread_mutex_unlock(&inbox->mutex);
}

static struct store_writer *inbox_take(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    while (inbox->first == NULL)
        pthread_cond_wait(&inbox->filled, &inbox->mutex);
    struct store_writer *writers = inbox->first;
    inbox->first = NULL;
    inbox->last = &inbox->first;
    pthread_mutex_unlock(&inbox->mutex);
    return writers;
}

static void store_append(struct store_writer *writer)
{
    size_t taken = 0;

    bench_expect(upload_append(writer->upload, bytes_of(piece, PIECE_BYTES), &taken), "append");
    if (taken != PIECE_BYTES)
        fail_fatal("no room for 4 KiB");
    upload_commit(writer->upload, (struct done){ .call = store_answered, .argument = writer });
}

static void store_begin(struct store *store, struct store_writer *writer)
{
    const struct upload_creation creation = { .digest_algorithm = DIGEST_NONE };
    const struct upload_writer options = { .patience_ms = 1000 };
    struct upload_id id;

    bench_expect(upload_create_wait(store, &creation, &id), "create an upload");
    bench_expect(upload_open_wait(store, &id, &options, &writer->upload), "open an upload");
}

/* Until the time is over and everybody has been answered. */
static uint64_t store_loop(struct inbox *inbox, uint64_t writers, double until)
{
    uint64_t appends = 0, waiting = writers;

    while (waiting > 0) {
        struct store_writer *writer = inbox_take(inbox);
        while (writer != NULL) {
            struct store_writer *next = writer->next;
            bench_expect(writer->result, "commit");
            appends++;
            if (bench_seconds() < until)
                store_append(writer);
            else
                waiting--;
            writer = next;
        }
    }
    return appends;
}

static struct measure store_measure(struct store *store, uint64_t writers, uint64_t round_ms)
{
    struct inbox inbox = { .mutex = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER };
    struct store_writer all[MOST_WRITERS] = { 0 };

    inbox.last = &inbox.first;
    for (uint64_t i = 0; i < writers; i++) {
        all[i].inbox = &inbox;
        store_begin(store, &all[i]);
    }
    double start = bench_seconds();
    double cpu = bench_cpu_seconds();
    for (uint64_t i = 0; i < writers; i++)
        store_append(&all[i]);
    uint64_t appends = store_loop(&inbox, writers, start + (double)round_ms / 1e3);
    struct measure measure =
        measure_of(appends, bench_seconds() - start, bench_cpu_seconds() - cpu);

    for (uint64_t i = 0; i < writers; i++)
        upload_close(all[i].upload);
    return measure;
}

/* ---- both ---- */

static void print_row(uint64_t writers, struct series *series, uint64_t rounds)
{
    double bare = bench_percentile(series->bare, rounds, 0.5);
    double store = bench_percentile(series->store, rounds, 0.5);
    double ratio = bench_percentile(series->ratio, rounds, 0.5);

    (void)printf("| %" PRIu64
                 " | %.0f (%.0f to %.0f) | %.0f (%.0f to %.0f) | %.2f (%.2f to %.2f) |"
                 " %.0f | %.0f |\n",
                 writers, bare, series->bare[0], series->bare[rounds - 1], store, series->store[0],
                 series->store[rounds - 1], ratio, series->ratio[0], series->ratio[rounds - 1],
                 bench_percentile(series->bare_cpu_us, rounds, 0.5),
                 bench_percentile(series->cpu_us, rounds, 0.5));
    (void)fflush(stdout);
}

void bench_appends(const char *directory, uint64_t rounds, uint64_t round_ms)
{
    static const uint64_t writers[] = { 1, 16, 256 };
    AUTO_FREE char *bare_directory = NULL;

    struct store *store = bench_open(directory, 0);
    if (rounds > MOST_ROUNDS || asprintf(&bare_directory, "%s/bare", directory) < 0 ||
        mkdir(bare_directory, 0700) < 0)
        fail_fatal("make %s/bare", directory);

    (void)puts(
        "| writers | bare, appends/s | store, appends/s | store / bare | bare, CPU µs |"
        " store, CPU µs |\n|---|---|---|---|---|---|");
    for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        struct series series;
        for (uint64_t round = 0; round < rounds; round++) {
            struct measure bare = bare_measure(bare_directory, writers[i], round_ms);
            struct measure own = store_measure(store, writers[i], round_ms);
            series.bare[round] = bare.per_s;
            series.store[round] = own.per_s;
            series.ratio[round] = own.per_s / bare.per_s;
            series.bare_cpu_us[round] = bare.cpu_us;
            series.cpu_us[round] = own.cpu_us;
        }
        print_row(writers[i], &series, rounds);
    }
    store_close(store);
}
