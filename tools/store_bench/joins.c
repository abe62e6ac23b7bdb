/*
 * Joins: what making one upload of many parts costs, by the size of the parts, and what one file of them does
 *
 * Each round makes a final of a hundred small parts and one of a hundred large ones, in turn, so that both see
 * the same weather of a shared machine. What reaches the disk is what the kernel counts for this process.
 *
 * The one that becomes one file has its parts in common with another one, which waits: so they keep their files, and
 * the space that it takes is what it shares with none of them.
 */
#define LOG_MODULE "bench"
#include "tools/store_bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/number.h"
#include "storage/blocking.h"

enum {
    PARTS = 100,
    SMALL_BYTES = 1024,
    LARGE_BYTES = 10 * 1024 * 1024,
    PIECE_BYTES = 1024 * 1024,
    MOST_ROUNDS = 1000,
};

static uint8_t piece[PIECE_BYTES];

static struct upload_id create_part(struct store *store, uint64_t bytes)
{
    const struct upload_creation creation = { .kind = UPLOAD_PARTIAL,
                                              .length_known = true,
                                              .length = bytes };
    struct upload_id id;

    bench_expect(upload_create_wait(store, &creation, &id), "create a part");
    return id;
}

static struct upload_id make_part(struct store *store, uint64_t bytes)
{
    const struct upload_writer writer = { .patience_ms = 1000 };
    struct upload *upload = NULL;
    struct upload_id id = create_part(store, bytes);

    bench_expect(upload_open_wait(store, &id, &writer, &upload), "open a part");
    for (uint64_t left = bytes; left > 0;) {
        size_t count = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        bench_expect(upload_append_wait(upload, bytes_of(piece, count)), "append");
        left -= count;
    }
    bench_expect(upload_finish_wait(upload), "finish a part");
    upload_close(upload);
    return id;
}

/* Bytes that this process has had written to a disk. */
static uint64_t written_bytes(void)
{
    static const char name[] = "write_bytes: ";
    uint64_t bytes = 0;
    char line[100];

    FILE *file = fopen("/proc/self/io", "r");
    bench_expect(file == NULL ? -1 : 0, "open /proc/self/io");
    while (fgets(line, sizeof(line), file) != NULL) {
        struct bytes text = bytes_of_text(line);
        if (bytes_start_with(text, name))
            (void)number_parse(bytes_of(line + strlen(name), text.count - strlen(name) - 1),
                               UINT64_MAX, &bytes);
    }
    (void)fclose(file);
    return bytes;
}

/* Each round's final has other metadata: the same one would be answered and not made. */
static struct upload_id join(struct store *store, const struct upload_id *parts, size_t count,
                             uint64_t round)
{
    char metadata[30];
    struct upload_id id;

    (void)snprintf(metadata, sizeof(metadata), "round %" PRIu64, round);
    struct upload_concatenation concatenation = { .parts = parts,
                                                  .part_count = count,
                                                  .metadata = bytes_of_text(metadata) };
    bench_expect(upload_concatenate_wait(store, &concatenation, &id), "join");
    return id;
}

static double join_seconds(struct store *store, const struct upload_id *parts, uint64_t round)
{
    double begun = bench_seconds();

    (void)join(store, parts, PARTS, round);
    return bench_seconds() - begun;
}

static void print_row(const char *name, double *seconds, uint64_t rounds, uint64_t bytes)
{
    double median = bench_percentile(seconds, rounds, 0.5);
    double most = bench_percentile(seconds, rounds, 0.9);

    (void)printf("| %s | %.2f | %.2f | %" PRIu64 " |\n", name, median * 1e3, most * 1e3,
                 bytes / rounds / 1024);
}

void bench_joins(const char *directory, uint64_t rounds)
{
    static double small_s[MOST_ROUNDS], large_s[MOST_ROUNDS];
    struct upload_id small[PARTS], large[PARTS];
    uint64_t small_bytes = 0, large_bytes = 0;
    struct store *store = bench_open(directory, 0);

    if (rounds > MOST_ROUNDS)
        rounds = MOST_ROUNDS;
    for (int i = 0; i < PARTS; i++) {
        small[i] = make_part(store, SMALL_BYTES);
        large[i] = make_part(store, LARGE_BYTES);
    }
    sync();
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t before = written_bytes();
        small_s[round] = join_seconds(store, small, round);
        uint64_t between = written_bytes();
        large_s[round] = join_seconds(store, large, round);
        small_bytes += between - before;
        large_bytes += written_bytes() - between;
    }
    (void)printf("| 100 parts of | median, ms | 90 %%, ms | written, KiB |\n|---|---|---|---|\n");
    print_row("1 KiB", small_s, rounds, small_bytes);
    print_row("10 MiB", large_s, rounds, large_bytes);
    store_close(store);
}

/* Of the file system. */
static int64_t used_bytes(const char *directory)
{
    struct statvfs about;

    sync(); /* some count blocks only when they are written */
    bench_expect(statvfs(directory, &about), "look at the file system");
    return (int64_t)((about.f_blocks - about.f_bfree) * about.f_frsize);
}

static void expect_filed(struct store *store, const struct upload_id *id)
{
    struct upload_info info = { 0 };

    bench_expect(upload_find_wait(store, id, &info), "find an upload");
    bench_expect(info.filed ? 0 : -1, "make one file of an upload");
    upload_info_done(&info);
}

void bench_materialise(const char *directory, uint64_t bytes)
{
    const struct store_options options = {
        .directory = directory,
        .materialise = true,
        .manual = true,
    };
    struct upload_id parts[PARTS + 1];
    struct store *store;

    bench_expect(store_open(&options, &store), "open the store");
    for (int i = 0; i < PARTS; i++)
        parts[i] = make_part(store, bytes);
    parts[PARTS] = create_part(store, 1);
    (void)join(store, parts, PARTS + 1, 0);
    struct upload_id id = join(store, parts, PARTS, 0);

    int64_t used = used_bytes(directory);
    uint64_t written = written_bytes();
    double begun = bench_seconds();
    bench_expect(store_sweep(store), "sweep");
    double seconds = bench_seconds() - begun;
    written = written_bytes() - written;
    used = used_bytes(directory) - used;
    expect_filed(store, &id);
    (void)printf("| 100 parts of | s | written, MiB | space, MiB |\n|---|---|---|---|\n");
    (void)printf("| %" PRIu64 " bytes | %.2f | %.1f | %.1f |\n", bytes, seconds,
                 (double)written / (1 << 20), (double)used / (1 << 20));
    store_close(store);
}
