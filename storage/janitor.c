/*
 * The order in which an upload goes, so that no crash leaves a file that no row knows:
 *
 *   1. the row says DELETED, committed. From here on it is gone for everybody.
 *   2. unlink(file)
 *   3. fsync(directory): the unlink is on the disk
 *   4. the row goes and its tombstone comes, committed
 *
 * Whatever a crash leaves half done begins with 2 again: unlinking what is gone is fine.
 *
 * An upload expires only under its lease, so never while somebody writes to it, and step 1 looks at
 * the time again: a commit in between has moved it.
 *
 * Nobody is to notice a sweep, however many uploads go:
 *
 *   - Each transaction has a batch of them at most, as the commits of writers share it or wait for it.
 *   - Many are looked up at once and go in the order of their ids, which is that of the directories:
 *     so a batch lies in a few of these, and one sync is for many files.
 *   - After a batch it rests as long as that took, so half of the disk's time is everybody else's.
 */
#define LOG_MODULE "janitor"
#include "storage/janitor.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/refusal.h"
#include "storage/lookup.h"
#include "storage/os.h"
#include "storage/parts.h"
#include "storage/seeded.h"

enum {
    LOOK = 16384,        /* uploads that are looked up at once */
    BATCH = 128,         /* uploads in one transaction */
    REST_MOST_MS = 1000, /* after one batch */
    NS_PER_MS = 1000 * 1000,
    NS_PER_S = 1000 * 1000 * 1000,
    CLOCK_JUMP_S = 300,       /* more than this is no adjustment */
    CLOCK_STEADY_S = 60 * 60, /* how long a clock that jumped must run evenly to be believed */
    CLOCK_STEADY_MS = CLOCK_STEADY_S * 1000,
};

/* One upload of a batch. */
struct item {
    struct lookup_entry entry;
    struct lease lease;
    struct change change;
    struct completion completion;
    bool taken;
};

struct janitor {
    struct store *store;
    pthread_mutex_t round;        /* one sweep at a time */
    struct item *items;           /* BATCH of them */
    struct lookup_entry *entries; /* LOOK of them */

    /* the clocks as the last round saw them */
    int64_t realtime_s;
    uint64_t monotonic_ms, steady_since_ms;
    uint64_t purged;   /* rows, in all rounds */
    uint64_t pause_ms; /* since then, before the clock is believed; 0: it is */

    pthread_t thread;
    pthread_mutex_t mutex; /* of everything below */
    pthread_cond_t poked;
    bool started, stopping, waiting_for_it;
};

/* The backlog may be long: who closes the store waits for one batch at most. */
static bool janitor_stopping(struct janitor *janitor)
{
    pthread_mutex_lock(&janitor->mutex);
    bool stopping = janitor->stopping;
    pthread_mutex_unlock(&janitor->mutex);
    return stopping;
}

/* ---- batches ---- */

static struct timespec deadline_after_ns(uint64_t ns)
{
    struct timespec deadline;

    (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
    ns += (uint64_t)deadline.tv_nsec;
    deadline.tv_sec += (time_t)(ns / NS_PER_S);
    deadline.tv_nsec = (long)(ns % NS_PER_S);
    return deadline;
}

/* As long as the batch took that began at that time; less when the store is closed. */
static void janitor_rest(struct janitor *janitor, uint64_t begun_ns)
{
    uint64_t took_ns = clock_monotonic_ns() - begun_ns;
    uint64_t most_ns = REST_MOST_MS * (uint64_t)NS_PER_MS;
    struct timespec deadline = deadline_after_ns(took_ns < most_ns ? took_ns : most_ns);
    int code = 0;

    pthread_mutex_lock(&janitor->mutex);
    while (code == 0 && !janitor->stopping)
        code = pthread_cond_timedwait(&janitor->poked, &janitor->mutex, &deadline);
    pthread_mutex_unlock(&janitor->mutex);
}

static void item_change(struct janitor *janitor, struct item *item, enum change_kind kind)
{
    uint32_t tombstone_s = janitor->store->options.tombstone_s;

    completion_init(&item->completion);
    item->change = (struct change){
        .kind = kind,
        .number = item->entry.number,
        .about = { .id = item->entry.id,
                   .kind = item->entry.kind,
                   .length_known = item->entry.length_known,
                   .length = item->entry.length,
                   .offset = item->entry.offset },
        .now = janitor->realtime_s,
        .until = tombstone_s == 0 ? 0 : janitor->realtime_s + tombstone_s,
        .finals_expire = janitor->realtime_s + janitor->store->options.expire_after_s,
        .done = completion_done(&item->completion),
    };
}

/* The changes of all items that were taken, in one transaction. */
static int items_change(struct janitor *janitor, size_t count, enum change_kind kind,
                        size_t *ret_changed)
{
    struct change *changes = NULL;
    int failure = 0;

    for (size_t i = count; i-- > 0;) {
        struct item *item = &janitor->items[i];
        if (!item->taken)
            continue;
        item_change(janitor, item, kind);
        item->change.next = changes;
        changes = &item->change;
    }
    if (changes != NULL)
        catalog_submit_chain(janitor->store->catalog, changes);

    *ret_changed = 0;
    for (size_t i = 0; i < count; i++) {
        if (!janitor->items[i].taken)
            continue;
        int r = completion_wait(&janitor->items[i].completion);
        if (r < 0)
            failure = r;
        *ret_changed += r == 0;
    }
    return failure;
}

/* From the entries behind the first ones; how many. */
static size_t items_fill(struct janitor *janitor, size_t first, size_t count)
{
    size_t batch = count - first < BATCH ? count - first : BATCH;

    for (size_t i = 0; i < batch; i++)
        janitor->items[i] = (struct item){ .entry = janitor->entries[first + i], .taken = true };
    return batch;
}

/* ---- expiry ---- */

/*
 * A clock that is wrong at the start has not jumped while we looked: it has to run evenly for a
 * while, too, but no longer than an upload lives.
 */
static void janitor_meets_clock(struct janitor *janitor)
{
    uint64_t expire_after_ms = UINT64_C(1000) * janitor->store->options.expire_after_s;

    janitor->realtime_s = os.realtime_s();
    janitor->monotonic_ms = os.monotonic_ms();
    janitor->steady_since_ms = janitor->monotonic_ms;
    janitor->pause_ms = CLOCK_STEADY_MS;
    if (expire_after_ms > 0 && expire_after_ms < CLOCK_STEADY_MS)
        janitor->pause_ms = expire_after_ms;
}

/*
 * False while the clock cannot be believed. A machine without a clock of its own starts in the
 * past and then jumps, and a wrong date must not cost anybody an upload.
 */
static bool janitor_believes_clock(struct janitor *janitor)
{
    int64_t realtime_s = os.realtime_s();
    uint64_t monotonic_ms = os.monotonic_ms();
    int64_t jump_s =
        (realtime_s - janitor->realtime_s) - (int64_t)(monotonic_ms - janitor->monotonic_ms) / 1000;

    janitor->realtime_s = realtime_s;
    janitor->monotonic_ms = monotonic_ms;
    if (jump_s > CLOCK_JUMP_S || jump_s < -CLOCK_JUMP_S) {
        log_warning("the clock has jumped, nothing expires for a while seconds=%" PRId64
                    " pause_s=%d",
                    jump_s, CLOCK_STEADY_S);
        janitor->pause_ms = CLOCK_STEADY_MS;
        janitor->steady_since_ms = monotonic_ms;
    }
    if (monotonic_ms - janitor->steady_since_ms >= janitor->pause_ms)
        janitor->pause_ms = 0;
    return janitor->pause_ms == 0;
}

static int janitor_lookup(struct janitor *janitor, bool expired, uint64_t after, size_t *ret_count)
{
    struct catalog *catalog = janitor->store->catalog;

    struct db *reader = catalog_reader(catalog);
    int r = expired ? lookup_expired(reader, janitor->realtime_s, janitor->entries, LOOK, ret_count)
                    : lookup_deleted(reader, after, janitor->entries, LOOK, ret_count);
    catalog_reader_return(catalog, reader);
    return r;
}

/* Step 1 for a batch. */
static int janitor_expire(struct janitor *janitor, size_t count, size_t *ret_expired)
{
    struct lease_table *leases = janitor->store->leases;

    for (size_t i = 0; i < count; i++) {
        struct item *item = &janitor->items[i];
        item->lease.id = item->entry.id;
        item->taken = lease_try(leases, &item->lease);
    }
    int r = items_change(janitor, count, CHANGE_EXPIRE, ret_expired);
    for (size_t i = 0; i < count; i++)
        if (janitor->items[i].taken)
            lease_release(leases, &janitor->items[i].lease);
    atomic_fetch_add(&janitor->store->expired_uploads, *ret_expired);
    return r;
}

/* As many as are looked up at once; ret_expired is 0 when there is nothing more to be done. */
static int janitor_expire_some(struct janitor *janitor, size_t *ret_expired)
{
    size_t count = 0;
    size_t expired = 0;

    *ret_expired = 0;
    int r = janitor_lookup(janitor, true, 0, &count);
    for (size_t first = 0; r == 0 && first < count && !janitor_stopping(janitor);) {
        uint64_t begun_ns = clock_monotonic_ns();
        size_t batch = items_fill(janitor, first, count);
        r = janitor_expire(janitor, batch, &expired);
        *ret_expired += expired;
        first += batch;
        janitor_rest(janitor, begun_ns);
    }
    return r;
}

static int janitor_expire_all(struct janitor *janitor)
{
    size_t expired = 1;
    int r = 0;

    if (janitor->store->options.expire_after_s == 0)
        return 0;
    while (r == 0 && expired > 0 && !janitor_stopping(janitor)) {
        r = janitor_expire_some(janitor, &expired);
        if (expired > 0)
            log_info("uploads expired count=%zu", expired);
    }
    return r;
}

/* ---- deletion ---- */

/* Step 2. What cannot be unlinked keeps its row for the next round, and so does a final that is read. */
static void item_unlink(struct janitor *janitor, struct item *item)
{
    struct directory *directory = &janitor->store->directory;
    struct directory_path path = directory_path(&item->entry.id);

    if (pin_await(&janitor->store->pins, &item->entry.id)) {
        item->taken = false;
    } else if (os.unlinkat(directory->files_fd, path.text, 0) == 0) {
        atomic_fetch_add(&janitor->store->deleted_files, 1);
    } else if (errno != ENOENT) {
        (void)fail_errno("unlink upload %s", upload_id_format(&item->entry.id).text);
        item->taken = false;
    }
}

/* Step 3: each directory once. What lies in one that cannot be synced keeps its row. */
static int items_sync_directories(struct janitor *janitor, size_t count)
{
    bool tried[DIRECTORY_SHARDS] = { false };
    int results[DIRECTORY_SHARDS] = { 0 };
    int failure = 0;

    for (size_t i = 0; i < count; i++) {
        struct item *item = &janitor->items[i];
        uint8_t shard = item->entry.id.bytes[0];
        if (!item->taken)
            continue;
        if (!tried[shard])
            results[shard] = directory_sync_shard(&janitor->store->directory, &item->entry.id);
        tried[shard] = true;
        if (results[shard] != 0) {
            failure = results[shard];
            item->taken = false;
        }
    }
    return failure;
}

/* Steps 2 to 4 for a batch. */
static int janitor_delete(struct janitor *janitor, size_t count)
{
    size_t purged;
    int synced = 0;

    for (size_t i = 0; i < count; i++)
        item_unlink(janitor, &janitor->items[i]);
    if (!seeded(SEEDED_PURGE_BEFORE_DIRSYNC))
        synced = items_sync_directories(janitor, count);
    int r = items_change(janitor, count, CHANGE_PURGE, &purged);
    janitor->purged += purged;
    if (seeded(SEEDED_PURGE_BEFORE_DIRSYNC))
        synced = items_sync_directories(janitor, count);
    return r != 0 ? r : synced;
}

static int entry_compare(const void *one, const void *other)
{
    const struct lookup_entry *a = one, *b = other;

    return memcmp(a->id.bytes, b->id.bytes, UPLOAD_ID_BYTES);
}

/* As many as are looked up at once, behind that number; a failure stops none of the others. */
static int janitor_delete_some(struct janitor *janitor, uint64_t *after, size_t *ret_count)
{
    size_t count = 0;
    int failure = 0;

    int r = janitor_lookup(janitor, false, *after, &count);
    if (r != 0)
        return r;

    if (count > 0)
        *after = janitor->entries[count - 1].number;
    qsort(janitor->entries, count, sizeof(janitor->entries[0]), entry_compare);
    for (size_t first = 0; first < count && !janitor_stopping(janitor);) {
        uint64_t begun_ns = clock_monotonic_ns();
        size_t batch = items_fill(janitor, first, count);
        r = janitor_delete(janitor, batch);
        if (r != 0)
            failure = r;
        first += batch;
        janitor_rest(janitor, begun_ns);
    }
    *ret_count = count;
    return failure;
}

static int janitor_delete_all(struct janitor *janitor)
{
    uint64_t after = 0;
    size_t count = LOOK;
    int failure = 0;

    while (count == LOOK && !janitor_stopping(janitor)) {
        count = 0;
        int r = janitor_delete_some(janitor, &after, &count);
        if (r != 0)
            failure = r;
    }
    return failure;
}

/* ---- tombstones ---- */

/* Those whose time is over, in batches, until there is none. */
static int janitor_forget_all(struct janitor *janitor)
{
    struct item *item = &janitor->items[0];
    int r = 0;

    while (r == 0 && !janitor_stopping(janitor)) {
        uint64_t begun_ns = clock_monotonic_ns();
        item_change(janitor, item, CHANGE_FORGET);
        catalog_submit(janitor->store->catalog, &item->change);
        r = completion_wait(&item->completion);
        janitor_rest(janitor, begun_ns);
    }
    return r == REFUSED_GONE ? 0 : r;
}

/* ---- a round ---- */

int janitor_sweep(struct janitor *janitor)
{
    int expired = 0;
    int forgotten = 0;

    pthread_mutex_lock(&janitor->round);
    bool believed = janitor_believes_clock(janitor);
    if (believed)
        expired = janitor_expire_all(janitor);
    uint64_t purged = janitor->purged;
    int deleted = janitor_delete_all(janitor);
    if (deleted == 0 && janitor->purged > purged)
        deleted = janitor_delete_all(janitor); /* parts that were kept for finals */
    if (believed)
        forgotten = janitor_forget_all(janitor);
    pthread_mutex_unlock(&janitor->round);
    return expired != 0 ? expired : deleted != 0 ? deleted : forgotten;
}

/* ---- the thread ---- */

/* Until the next round is due, or poked. False: stopped. */
static bool janitor_wait(struct janitor *janitor)
{
    uint64_t interval_ns = janitor->store->options.janitor_interval_s * (uint64_t)NS_PER_S;
    struct timespec deadline = deadline_after_ns(interval_ns);
    int code = 0;

    pthread_mutex_lock(&janitor->mutex);
    while (code == 0 && !janitor->stopping && !janitor->waiting_for_it)
        code = pthread_cond_timedwait(&janitor->poked, &janitor->mutex, &deadline);
    bool stopping = janitor->stopping;
    janitor->waiting_for_it = false;
    pthread_mutex_unlock(&janitor->mutex);
    return !stopping;
}

static void *janitor_run(void *argument)
{
    (void)pthread_setname_np(pthread_self(), "ferry-janitor");
    do {
        (void)janitor_sweep(argument);
        finals_poke(((struct janitor *)argument)->store->finals); /* what failed is tried again */
    } while (janitor_wait(argument));
    return NULL;
}

static int janitor_start(struct janitor *janitor)
{
    janitor->items = calloc(BATCH, sizeof(janitor->items[0]));
    janitor->entries = calloc(LOOK, sizeof(janitor->entries[0]));
    if (janitor->items == NULL || janitor->entries == NULL)
        return fail_errno("memory for the janitor");
    if (janitor->store->options.manual)
        return 0;

    int code = pthread_create(&janitor->thread, NULL, janitor_run, janitor);
    if (code != 0)
        return fail_code(code, "start the thread of the janitor");
    janitor->started = true;
    return 0;
}

struct janitor *janitor_new(struct store *store)
{
    struct janitor *janitor = calloc(1, sizeof(*janitor));
    if (janitor == NULL) {
        (void)fail_errno("memory for the janitor");
        return NULL;
    }

    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&janitor->poked, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&janitor->mutex, NULL);
    pthread_mutex_init(&janitor->round, NULL);
    janitor->store = store;
    janitor_meets_clock(janitor);

    if (janitor_start(janitor) == 0)
        return janitor;
    janitor_free(janitor);
    return NULL;
}

void janitor_free(struct janitor *janitor)
{
    if (janitor == NULL)
        return;

    if (janitor->started) {
        pthread_mutex_lock(&janitor->mutex);
        janitor->stopping = true;
        pthread_cond_signal(&janitor->poked);
        pthread_mutex_unlock(&janitor->mutex);
        (void)pthread_join(janitor->thread, NULL);
    }
    pthread_mutex_destroy(&janitor->mutex);
    pthread_mutex_destroy(&janitor->round);
    pthread_cond_destroy(&janitor->poked);
    free(janitor->items);
    free(janitor->entries);
    free(janitor);
}

void janitor_poke(struct janitor *janitor)
{
    pthread_mutex_lock(&janitor->mutex);
    janitor->waiting_for_it = true;
    pthread_cond_signal(&janitor->poked);
    pthread_mutex_unlock(&janitor->mutex);
}
