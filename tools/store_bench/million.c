/*
 * The catalog with very many uploads: finding, listing, appending beside that, expiring, starting
 *
 * Ten are created in each second of the benchmark's clock. The first thousand have a file of 4 KiB;
 * they are those that expire.
 */
#define LOG_MODULE "bench"
#include "tools/store_bench/bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "storage/blocking.h"

enum {
    EXPIRE_AFTER_S = 7 * 24 * 3600,
    PER_SECOND = 10,
    EXPIRED = 1000,
    IN_FLIGHT = 1000,
    FINDS = 10000,
    PAGE = 100,
    PAGES_OF_A_WALK = 1000,
    PAGES_OF_A_FILTER = 100,
    APPENDING_MS = 500,
    APPENDING_ROUNDS = 31,
    APPENDS_MAX = 200000, /* of a kind; no disk is so fast */
    LOST = 10000,         /* created right before the process is killed */
};

static uint64_t random_below(uint64_t limit)
{
    static uint64_t state = 88172645463325252;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % limit;
}

static void row_us(const char *what, double us)
{
    if (us < 10000)
        (void)printf("| %s | %.0f µs |\n", what, us);
    else
        (void)printf("| %s | %.1f ms |\n", what, us / 1e3);
    (void)fflush(stdout);
}

/* ---- creating ---- */

struct flight {
    pthread_mutex_t mutex;
    pthread_cond_t landed;
    uint64_t in_flight;
};

static void created(void *argument, int result)
{
    struct flight *flight = argument;

    bench_expect(result, "create an upload");
    pthread_mutex_lock(&flight->mutex);
    flight->in_flight--;
    pthread_cond_signal(&flight->landed);
    pthread_mutex_unlock(&flight->mutex);
}

static void flight_wait(struct flight *flight, uint64_t at_most)
{
    pthread_mutex_lock(&flight->mutex);
    while (flight->in_flight > at_most)
        pthread_cond_wait(&flight->landed, &flight->mutex);
    pthread_mutex_unlock(&flight->mutex);
}

/* PER_SECOND of them in each second. */
void bench_create(struct store *store, struct upload_id *ids, uint64_t count)
{
    static const char metadata[] =
        "filename aG9saWRheS1pbi10aGUtbW91bnRhaW5zLW1vcm5pbmcubXA0,"
        "filetype dmlkZW8vbXA0,owner dXNlci0xMjM0NTY3ODkw,"
        "relativePath cGljdHVyZXMvMjAyNi9ob2xpZGF5LW1vdW50YWlucy5tcDQ=";
    const struct upload_creation creation = { .length_known = true,
                                              .length = 4096,
                                              .digest_algorithm = DIGEST_BLAKE2B,
                                              .metadata = bytes_of_text(metadata) };
    struct flight flight = { .mutex = PTHREAD_MUTEX_INITIALIZER,
                             .landed = PTHREAD_COND_INITIALIZER };

    for (uint64_t i = 0; i < count; i++) {
        flight_wait(&flight, IN_FLIGHT - 1);
        pthread_mutex_lock(&flight.mutex);
        flight.in_flight++;
        pthread_mutex_unlock(&flight.mutex);
        bench_expect(upload_create(store, &creation, &ids[i],
                                   (struct done){ .call = created, .argument = &flight }),
                     "create an upload");
        if (i % PER_SECOND == PER_SECOND - 1)
            bench_clock_forward(1);
    }
    flight_wait(&flight, 0);
}

/* In the second of their creation, which leaves the time of expiry as it is. */
static void create_with_files(struct store *store, struct upload_id *ids, uint64_t count)
{
    static const uint8_t bytes[2048];
    const struct upload_writer writer = { .patience_ms = 1000 };

    for (uint64_t i = 0; i < count; i++) {
        CLEANUP(upload_closep) struct upload *upload = NULL;
        bench_create(store, &ids[i], 1);
        bench_expect(upload_open_wait(store, &ids[i], &writer, &upload), "open an upload");
        bench_expect(upload_append_wait(upload, bytes_of(bytes, sizeof(bytes))), "append");
        bench_expect(upload_commit_wait(upload), "commit");
        if (i % PER_SECOND == PER_SECOND - 1)
            bench_clock_forward(1);
    }
}

/* ---- looking ---- */

static void find_many(struct store *store, const struct upload_id *ids, uint64_t count,
                      const char *half, const char *most)
{
    static double us[FINDS];

    for (size_t i = 0; i < FINDS; i++) {
        struct upload_info info = { 0 };
        double start = bench_seconds();
        bench_expect(upload_find_wait(store, &ids[random_below(count)], &info), "find");
        us[i] = (bench_seconds() - start) * 1e6;
        upload_info_done(&info);
    }
    row_us(half, bench_percentile(us, FINDS, 0.5));
    row_us(most, bench_percentile(us, FINDS, 0.99));
}

static void list_pages(struct store *store)
{
    static struct upload_info infos[PAGE];
    static double us[PAGES_OF_A_WALK];
    struct upload_page page = { .infos = infos, .room = PAGE };
    size_t pages = 0;

    do {
        double start = bench_seconds();
        bench_expect(upload_list_wait(store, &page), "list");
        us[pages++] = (bench_seconds() - start) * 1e6;
        upload_page_done(&page);
    } while (page.more && pages < PAGES_OF_A_WALK);
    row_us("the newest 100 by creation", us[0]);
    row_us("each of the next 999 such pages, median", bench_percentile(us, pages, 0.5));
    row_us("the same, 99th percentile", bench_percentile(us, pages, 0.99));
}

static bool matches_nothing(void *argument, const struct upload_info *info)
{
    (void)argument;
    return info->metadata_count == SIZE_MAX;
}

/* The first pages of a walk, or all of it; none may take long, whatever it is looked for. */
static void list_by(struct store *store, const char *what, struct upload_page page)
{
    static struct upload_info infos[PAGE];
    static double us[PAGES_OF_A_FILTER];
    size_t pages = 0;

    page.infos = infos;
    page.room = PAGE;
    do {
        double start = bench_seconds();
        bench_expect(upload_list_wait(store, &page), "list");
        us[pages++] = (bench_seconds() - start) * 1e6;
        upload_page_done(&page);
    } while (page.more && pages < PAGES_OF_A_FILTER);
    (void)printf("| %s | %.2f ms, %.2f ms |\n", what, bench_percentile(us, pages, 0.5) / 1e3,
                 bench_percentile(us, pages, 1) / 1e3);
    (void)fflush(stdout);
}

static void list_by_all(struct store *store, uint64_t count)
{
    int64_t now = bench_clock_now();
    int64_t middle = now - (int64_t)count / PER_SECOND / 2;
    struct store_figures figures;

    list_by(store, "stalled, median and slowest of 100 pages",
            (struct upload_page){ .wanted = UPLOADS_STALLED });
    list_by(store, "the same, created in the older half",
            (struct upload_page){ .wanted = UPLOADS_STALLED, .created_until = middle });
    list_by(store, "the same, created in the newer half",
            (struct upload_page){ .wanted = UPLOADS_STALLED, .created_from = middle });
    list_by(store, "older than all of them", (struct upload_page){ .created_until = 1 });
    list_by(store, "active, of which there are none",
            (struct upload_page){ .wanted = UPLOADS_ACTIVE });
    list_by(store, "damaged, of which there are none",
            (struct upload_page){ .wanted = UPLOADS_DAMAGED });
    list_by(store, "by metadata that none has, 2,000 looked at for each of 100 pages",
            (struct upload_page){ .match = matches_nothing });

    double start = bench_seconds();
    bench_expect(store_figures_wait(store, &figures), "count");
    row_us("counting by state", (bench_seconds() - start) * 1e6);
}

/* ---- appending beside lists ---- */

struct lister {
    struct store *store;
    unsigned pause_ms;
    atomic_bool stop;
    uint64_t pages;
};

/* One page after the other, each tenth of those that cost most. */
static void *lister_run(void *argument)
{
    static struct upload_info infos[PAGE];
    struct lister *lister = argument;
    struct upload_page page = { .infos = infos, .room = PAGE };

    while (!atomic_load(&lister->stop)) {
        page.match = lister->pages % 10 == 0 ? matches_nothing : NULL;
        bench_expect(upload_list_wait(lister->store, &page), "list");
        upload_page_done(&page);
        if (!page.more)
            page.before = (struct upload_cursor){ 0 };
        lister->pages++;
        if (lister->pause_ms > 0)
            (void)usleep(lister->pause_ms * 1000);
    }
    return NULL;
}

/* Durable appends of 4 KiB by one writer, of all rounds. */
struct appends {
    const char *what;
    struct lister *lister; /* beside them; NULL: they are alone */
    double us[APPENDS_MAX];
    size_t count;
    double medians[APPENDING_ROUNDS]; /* of each round, in us */
};

static void append_for_a_while(struct store *store, struct appends *appends, size_t round)
{
    static const uint8_t bytes[4096];
    static double us[APPENDS_MAX];
    const struct upload_writer writer = { .patience_ms = 1000 };
    CLEANUP(upload_closep) struct upload *upload = NULL;
    struct upload_id id;
    size_t first = appends->count;

    bench_expect(upload_create_wait(store, &(struct upload_creation){ 0 }, &id), "create");
    bench_expect(upload_open_wait(store, &id, &writer, &upload), "open an upload");
    double begin = bench_seconds();
    for (double now = begin; now - begin < APPENDING_MS / 1e3 && appends->count < APPENDS_MAX;) {
        bench_expect(upload_append_wait(upload, bytes_of(bytes, sizeof(bytes))), "append");
        bench_expect(upload_commit_wait(upload), "commit");
        double after = bench_seconds();
        us[appends->count - first] = appends->us[appends->count] = (after - now) * 1e6;
        appends->count++;
        now = after;
    }
    appends->medians[round] = bench_percentile(us, appends->count - first, 0.5);
    bench_expect(upload_delete_wait(upload), "delete");
}

static void append_beside(struct store *store, struct appends *appends, size_t round)
{
    pthread_t thread;

    if (appends->lister == NULL) {
        append_for_a_while(store, appends, round);
        return;
    }
    atomic_store(&appends->lister->stop, false);
    if (pthread_create(&thread, NULL, lister_run, appends->lister) != 0)
        fail_fatal("start a thread that lists");
    append_for_a_while(store, appends, round);
    atomic_store(&appends->lister->stop, true);
    (void)pthread_join(thread, NULL);
}

/* They take turns. */
static void appends_beside_lists(struct store *store)
{
    static struct lister ten = { .pause_ms = 100 }, ceaseless;
    static struct appends appends[] = { { .what = "alone" },
                                        { .what = "beside ten pages a second", .lister = &ten },
                                        { .what = "beside pages without a pause",
                                          .lister = &ceaseless } };
    enum {
        KINDS = sizeof(appends) / sizeof(appends[0])
    };

    ten.store = ceaseless.store = store;
    for (size_t round = 0; round < APPENDING_ROUNDS; round++)
        for (size_t i = 0; i < KINDS; i++)
            append_beside(store, &appends[(round + i) % KINDS], round);

    (void)printf(
        "\n| 4 KiB, durable | appends | median, ms | of rounds | 90 %% | 99 %% |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < KINDS; i++) {
        struct appends *kind = &appends[i];
        (void)printf("| %s | %zu | %.3f | %.3f to %.3f | %.2f | %.2f |\n", kind->what, kind->count,
                     bench_percentile(kind->us, kind->count, 0.5) / 1e3,
                     bench_percentile(kind->medians, APPENDING_ROUNDS, 0) / 1e3,
                     bench_percentile(kind->medians, APPENDING_ROUNDS, 1) / 1e3,
                     bench_percentile(kind->us, kind->count, 0.9) / 1e3,
                     bench_percentile(kind->us, kind->count, 0.99) / 1e3);
    }
    (void)printf("\n%" PRIu64 " pages in the last\n\n", ceaseless.pages);
    (void)fflush(stdout);
}

/* ---- expiring ---- */

static void sweep(struct store *store, const char *what, uint64_t expired)
{
    uint64_t before = store_statistics(store).expired_uploads;
    double start = bench_seconds();

    bench_expect(store_sweep(store), "sweep");
    double seconds = bench_seconds() - start;
    if (store_statistics(store).expired_uploads - before != expired)
        fail_fatal("%s: %" PRIu64 " have expired, not %" PRIu64, what,
                   store_statistics(store).expired_uploads - before, expired);
    row_us(what, seconds * 1e6);
}

/* ---- starting ---- */

static struct store *start(const char *directory, const char *what)
{
    double start = bench_seconds();
    struct store *store = bench_open(directory, EXPIRE_AFTER_S);

    row_us(what, (bench_seconds() - start) * 1e6);
    return store;
}

/* Another process opens the store, creates some uploads and is gone without closing it. */
static void open_and_die(const char *directory)
{
    static struct upload_id ids[LOST];
    int status = 0;

    pid_t child = fork();
    if (child == 0) {
        bench_create(bench_open(directory, EXPIRE_AFTER_S), ids, LOST);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        fail_fatal("a process that dies with the store open: status %d", status);
}

void bench_million(const char *directory, uint64_t count)
{
    AUTO_FREE struct upload_id *ids = calloc(count, sizeof(*ids));

    if (ids == NULL || count <= EXPIRED)
        fail_fatal("memory for %" PRIu64 " ids", count);
    bench_clock_take_over();
    struct store *store = bench_open(directory, EXPIRE_AFTER_S);
    (void)printf("| %" PRIu64 " uploads | |\n|---|---|\n", count);

    double begin = bench_seconds();
    double cpu = bench_cpu_seconds();
    create_with_files(store, ids, EXPIRED);
    bench_create(store, ids + EXPIRED, count - EXPIRED);
    row_us("creating one, 1,000 at a time in flight",
           (bench_seconds() - begin) * 1e6 / (double)count);
    row_us("the same, processor time", (bench_cpu_seconds() - cpu) * 1e6 / (double)count);

    store_close(store);
    store = start(directory, "start after a clean end");
    find_many(store, ids, count, "find by id right after the start, median",
              "the same, 99th percentile");
    find_many(store, ids, count, "find by id later, median", "the same, 99th percentile");
    list_pages(store);
    list_by_all(store, count);
    appends_beside_lists(store);

    sweep(store, "sweep, nothing has expired", 0);
    bench_clock_forward(EXPIRE_AFTER_S - (int64_t)(count / PER_SECOND) + EXPIRED / PER_SECOND - 1);
    sweep(store, "sweep, 1,000 have expired, each with a file", EXPIRED);
    store_close(store);

    open_and_die(directory);
    store_close(start(directory, "start after a kill, with 10,000 creations in the log"));
}
