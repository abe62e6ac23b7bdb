/*
 * Digests: what computing one adds to storing bytes
 *
 *   alone    the digest of the same bytes and nothing else
 *   store    upload_append and upload_finish by one thread for each stream, without a digest and
 *            with each
 *
 * They take turns, so that all see the same weather of a shared machine.
 */
#define LOG_MODULE "bench"
#include "tools/store_bench/bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/fail.h"
#include "digest/digest.h"
#include "storage/blocking.h"

enum {
    PIECE_BYTES = 128 * 1024,
    SOURCE_BYTES = 4 * 1024 * 1024,
    MOST_STREAMS = 8, /* of whole pieces each, in a mebibyte */
    MOST_ROUNDS = 64,
};

static const enum digest_algorithm algorithms[] = { DIGEST_NONE, DIGEST_BLAKE2B, DIGEST_SHA256 };

enum {
    ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0])
};

static uint8_t source[SOURCE_BYTES];

struct cost {
    double cpu_s, wall_s;
};

struct costs {
    double cpu_s[MOST_ROUNDS], wall_s[MOST_ROUNDS];
};

static struct cost cost_since(double cpu, double wall)
{
    return (struct cost){ bench_cpu_seconds() - cpu, bench_seconds() - wall };
}

static struct bytes source_piece(uint64_t at)
{
    return bytes_of(source + at % SOURCE_BYTES, PIECE_BYTES);
}

static struct cost alone_measure(enum digest_algorithm algorithm, uint64_t bytes)
{
    double cpu = bench_cpu_seconds(), wall = bench_seconds();
    struct digest digest;
    struct digest_value value;

    digest_init(&digest, algorithm);
    for (uint64_t at = 0; at < bytes; at += PIECE_BYTES)
        digest_update(&digest, source_piece(at));
    digest_final(&digest, &value);
    return cost_since(cpu, wall);
}

struct stream {
    pthread_t thread;
    struct store *store;
    enum digest_algorithm algorithm;
    uint64_t bytes;
};

static void *stream_run(void *argument)
{
    struct stream *stream = argument;
    const struct upload_creation creation = { .length_known = true,
                                              .length = stream->bytes,
                                              .digest_algorithm = stream->algorithm };
    const struct upload_writer writer = { .patience_ms = 1000 };
    struct upload_id id;
    struct upload *upload = NULL;

    bench_expect(upload_create_wait(stream->store, &creation, &id), "create an upload");
    bench_expect(upload_open_wait(stream->store, &id, &writer, &upload), "open an upload");
    for (uint64_t at = 0; at < stream->bytes; at += PIECE_BYTES)
        bench_expect(upload_append_wait(upload, source_piece(at)), "append");
    bench_expect(upload_finish_wait(upload), "finish");
    bench_expect(upload_delete_wait(upload), "delete");
    upload_close(upload);
    return NULL;
}

static struct cost store_measure(struct store *store, enum digest_algorithm algorithm,
                                 uint64_t streams, uint64_t bytes)
{
    double cpu = bench_cpu_seconds(), wall = bench_seconds();
    struct stream all[MOST_STREAMS];

    for (uint64_t i = 0; i < streams; i++) {
        all[i] =
            (struct stream){ .store = store, .algorithm = algorithm, .bytes = bytes / streams };
        bench_expect(pthread_create(&all[i].thread, NULL, stream_run, &all[i]), "start a thread");
    }
    for (uint64_t i = 0; i < streams; i++)
        (void)pthread_join(all[i].thread, NULL);
    struct cost cost = cost_since(cpu, wall);
    bench_expect(store_sweep(store), "sweep");
    return cost;
}

static void print_row(uint64_t streams, enum digest_algorithm algorithm, struct costs *costs,
                      double cpu_most, uint64_t rounds)
{
    double cpu = bench_percentile(costs->cpu_s, rounds, 0.5);
    double wall = bench_percentile(costs->wall_s, rounds, 0.5);

    (void)printf("| %" PRIu64 " | %s | %.2f (%.2f to %.2f) | %.2f (%.2f to %.2f) | %.2f |\n",
                 streams, digest_algorithm_name(algorithm), cpu, costs->cpu_s[0],
                 costs->cpu_s[rounds - 1], wall, costs->wall_s[0], costs->wall_s[rounds - 1],
                 cpu / cpu_most);
    (void)fflush(stdout);
}

static void measure_streams(struct store *store, uint64_t streams, uint64_t bytes, uint64_t rounds)
{
    static struct costs alone[ALGORITHMS], stored[ALGORITHMS];

    for (uint64_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < ALGORITHMS; i++) {
            struct cost cost = alone_measure(algorithms[i], bytes);
            alone[i].cpu_s[round] = cost.cpu_s;
            alone[i].wall_s[round] = cost.wall_s;
            cost = store_measure(store, algorithms[i], streams, bytes);
            stored[i].cpu_s[round] = cost.cpu_s;
            stored[i].wall_s[round] = cost.wall_s;
        }
    double none = bench_percentile(stored[0].cpu_s, rounds, 0.5);
    for (size_t i = 0; i < ALGORITHMS; i++) {
        double sum = none + (i > 0 ? bench_percentile(alone[i].cpu_s, rounds, 0.5) : 0);
        print_row(0, algorithms[i], &alone[i], sum, rounds);
        print_row(streams, algorithms[i], &stored[i], sum, rounds);
    }
}

void bench_digests(const char *directory, uint64_t rounds, uint64_t mebibytes)
{
    uint64_t bytes = mebibytes << 20;

    if (rounds > MOST_ROUNDS)
        fail_fatal("more than %d rounds", MOST_ROUNDS);
    for (size_t i = 0; i < SOURCE_BYTES; i++)
        source[i] = (uint8_t)(i * 2654435761u >> 13);

    struct store *store = bench_open(directory, 0);
    (void)puts(
        "| streams | digest | CPU, s | time, s | CPU / (none + alone) |\n"
        "|---|---|---|---|---|");
    measure_streams(store, 1, bytes, rounds);
    measure_streams(store, MOST_STREAMS, bytes, rounds);
    store_close(store);
}
