/*
 * Invariants:
 *
 *   1. Only the thread of catalog_run() touches the writer after catalog_open().
 *   2. A change is answered after the COMMIT of its transaction has returned: never before.
 *   3. A change that fails takes no other with it: the group is rolled back and every change gets
 *      a transaction of its own. Where none could even begin, all fail at once: each would have to
 *      wait as long for a busy database.
 */
#define LOG_MODULE "catalog"
#include "storage/catalog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "storage/schema.h"
#include "storage/seeded.h"

enum {
    LOG_PAGE_BYTES = 4096,
    IDLE_S = 1, /* without changes: time to write the log back */

    /* Before the next checkpoint after one that failed: each reads and syncs the log again, and says so. */
    BUSY_PAUSE_MS = 1000,
    IDLE_PAUSE_MS = 60 * 1000,
};

struct catalog {
    struct catalog_meters meters;
    struct observer observer;
    pthread_t thread;
    struct db *writer;
    uint64_t checkpoint_pages; /* half of what the log was grown to */
    uint64_t failed_ms;        /* when the last checkpoint failed; 0: it did not */
    bool full;                 /* it found no space */

    pthread_mutex_t mutex; /* of everything below */
    pthread_cond_t submitted;
    struct change *first, **last;
    bool started, stopping;
    struct catalog_statistics statistics;

    pthread_cond_t reader_returned;
    uint32_t reader_count, idle_count;
    struct db *readers[]; /* the idle ones first */
};

/* ---- the writing thread ---- */

/* Nothing in memory can be trusted against what the disk may hold now. */
static void catalog_survives(int r)
{
    if (r == -EIO || r == -EUCLEAN)
        fail_fatal("the database cannot be written any longer; the next start reads what it has");
}

static int catalog_result(int r)
{
    return r == -ENOSPC ? REFUSED_NO_SPACE : r;
}

/* Where the database cannot grow its log is not written back, and comes to its end: the last quarter is for
 * those who go on with what is there, and for those who delete. */
static bool catalog_has_room(const struct catalog *catalog, const struct change *change)
{
    bool creates = change->kind == CHANGE_CREATE || change->kind == CHANGE_JOIN ||
                   change->kind == CHANGE_PROBE;
    uint64_t room = catalog->checkpoint_pages + catalog->checkpoint_pages / 2;

    return !creates || !catalog->full || db_log_pages(catalog->writer) <= room;
}

/* One transaction; 0, or what stopped it, and then nothing of it has happened. */
static int catalog_apply(struct catalog *catalog, struct change *changes, bool *ret_begun)
{
    int r = db_begin(catalog->writer);
    *ret_begun = r == 0;
    for (struct change *change = changes; r >= 0 && change != NULL; change = change->next) {
        join_ends_done(&change->ends); /* of a transaction that was rolled back */
        if (!catalog_has_room(catalog, change))
            change->only_repeats = true;
        change->result = change_apply(catalog->writer, change);
        r = change->result < 0 ? change->result : 0;
    }
    if (r == 0)
        return db_commit(catalog->writer);

    db_rollback(catalog->writer);
    return r;
}

static void catalog_apply_alone(struct catalog *catalog, struct change *change)
{
    struct change *next = change->next;
    bool begun;

    change->next = NULL;
    int r = catalog_apply(catalog, change, &begun);
    change->next = next;
    catalog_survives(r);
    if (r != 0)
        change->result = catalog_result(r);
}

static void catalog_count(struct catalog_statistics *statistics, const struct change *change)
{
    if (change->result != 0)
        return;
    statistics->created += change->kind == CHANGE_CREATE;
    statistics->completed += change->kind == CHANGE_COMPLETE;
    statistics->deleted += change->kind == CHANGE_DELETE;
}

static void catalog_answer(struct catalog *catalog, struct change *changes, uint64_t count)
{
    pthread_mutex_lock(&catalog->mutex);
    catalog->statistics.groups++;
    catalog->statistics.changes += count;
    for (const struct change *change = changes; change != NULL; change = change->next)
        catalog_count(&catalog->statistics, change);
    pthread_mutex_unlock(&catalog->mutex);

    while (changes != NULL) {
        struct change *change = changes;
        changes = change->next; /* done may free it */
        observer_tell(&catalog->observer, change);
        join_ends_done(&change->ends);
        done_call(change->done, change->result);
    }
}

/* SEEDED_ANSWER_BEFORE_COMMIT: works on a copy, as the change is its owner's once answered. */
static void catalog_answer_first(struct catalog *catalog, struct change *changes)
{
    while (changes != NULL) {
        struct change copy = *changes;
        struct change *change = changes;

        changes = copy.next;
        copy.next = NULL;
        bool early = copy.kind == CHANGE_COMMIT || copy.kind == CHANGE_COMPLETE;
        if (early)
            done_call(copy.done, 0);
        catalog_apply_alone(catalog, &copy);
        join_ends_done(&copy.ends);
        if (!early) {
            change->result = copy.result;
            change->answer = copy.answer;
            change->repeated = copy.repeated;
            done_call(copy.done, copy.result);
        }
    }
}

static void catalog_commit(struct catalog *catalog, struct change *changes)
{
    uint64_t count = 0;
    bool begun;

    if (seeded(SEEDED_ANSWER_BEFORE_COMMIT)) {
        catalog_answer_first(catalog, changes);
        return;
    }

    uint64_t begun_ns = clock_monotonic_ns();
    for (struct change *change = changes; change != NULL; change = change->next) {
        histogram_add(&catalog->meters.wait, begun_ns - change->submitted_ns);
        count++;
    }

    int r = catalog_apply(catalog, changes, &begun);
    histogram_add(&catalog->meters.transaction, clock_monotonic_ns() - begun_ns);
    histogram_add(&catalog->meters.batch, count);
    catalog_survives(r);
    for (struct change *change = changes; r != 0 && change != NULL; change = change->next)
        if (begun)
            catalog_apply_alone(catalog, change);
        else
            change->result = catalog_result(r);
    catalog_answer(catalog, changes, count);
}

/* A full disk stops it, too: then the log goes on growing into what was grown for it in advance. */
static void catalog_checkpoint(struct catalog *catalog, bool idle)
{
    uint64_t pause_ms = idle ? IDLE_PAUSE_MS : BUSY_PAUSE_MS;

    if (db_log_pages(catalog->writer) <= (idle ? 0 : catalog->checkpoint_pages))
        return;
    if (catalog->failed_ms > 0 && os.monotonic_ms() - catalog->failed_ms < pause_ms)
        return;

    int r = db_checkpoint(catalog->writer);
    catalog_survives(r);
    catalog->failed_ms = r == 0 ? 0 : os.monotonic_ms(); /* a slow disk has its pause, too */
    catalog->full = r == -ENOSPC;
}

static struct timespec catalog_idle_deadline(void)
{
    struct timespec deadline;

    (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += IDLE_S;
    return deadline;
}

/* All changes that wait, in their order; NULL when it is time to be idle or to stop. */
static struct change *catalog_wait(struct catalog *catalog)
{
    struct timespec deadline = catalog_idle_deadline();
    int code = 0;

    pthread_mutex_lock(&catalog->mutex);
    while (catalog->first == NULL && !catalog->stopping && code == 0)
        code = pthread_cond_timedwait(&catalog->submitted, &catalog->mutex, &deadline);
    struct change *changes = catalog->first;
    catalog->first = NULL;
    catalog->last = &catalog->first;
    pthread_mutex_unlock(&catalog->mutex);
    return changes;
}

static bool catalog_stopping(struct catalog *catalog)
{
    pthread_mutex_lock(&catalog->mutex);
    bool stopping = catalog->stopping && catalog->first == NULL;
    pthread_mutex_unlock(&catalog->mutex);
    return stopping;
}

static void *catalog_run(void *argument)
{
    struct catalog *catalog = argument;

    (void)pthread_setname_np(pthread_self(), "ferry-catalog");
    while (!catalog_stopping(catalog)) {
        struct change *changes = catalog_wait(catalog);
        if (changes != NULL)
            catalog_commit(catalog, changes);
        catalog_checkpoint(catalog, changes == NULL);
    }
    return NULL;
}

void catalog_submit(struct catalog *catalog, struct change *change)
{
    change->next = NULL;
    catalog_submit_chain(catalog, change);
}

void catalog_submit_chain(struct catalog *catalog, struct change *changes)
{
    struct change **last = &changes;
    uint64_t now_ns = clock_monotonic_ns();

    for (; *last != NULL; last = &(*last)->next)
        (*last)->submitted_ns = now_ns;
    pthread_mutex_lock(&catalog->mutex);
    *catalog->last = changes;
    catalog->last = last;
    pthread_cond_signal(&catalog->submitted);
    pthread_mutex_unlock(&catalog->mutex);
}

/* ---- readers ---- */

struct db *catalog_reader(struct catalog *catalog)
{
    pthread_mutex_lock(&catalog->mutex);
    while (catalog->idle_count == 0)
        pthread_cond_wait(&catalog->reader_returned, &catalog->mutex);
    struct db *reader = catalog->readers[--catalog->idle_count];
    pthread_mutex_unlock(&catalog->mutex);
    return reader;
}

void catalog_reader_return(struct catalog *catalog, struct db *reader)
{
    pthread_mutex_lock(&catalog->mutex);
    catalog->readers[catalog->idle_count++] = reader;
    pthread_cond_signal(&catalog->reader_returned);
    pthread_mutex_unlock(&catalog->mutex);
}

struct catalog_statistics catalog_statistics(struct catalog *catalog)
{
    pthread_mutex_lock(&catalog->mutex);
    struct catalog_statistics statistics = catalog->statistics;
    pthread_mutex_unlock(&catalog->mutex);
    return statistics;
}

const struct catalog_meters *catalog_meters(const struct catalog *catalog)
{
    return &catalog->meters;
}

/* ---- open and close ---- */

static int catalog_open_writer(struct catalog *catalog, const struct catalog_options *options)
{
    int r = db_open(options->path, DB_WRITER, &catalog->writer);
    if (r != 0)
        return r;

    r = schema_apply(catalog->writer);
    if (r != 0)
        return r;

    /* A process that was killed between writing its log and syncing it has left transactions that
     * this one can read and that a power cut would still take away: nobody may be told of them
     * before the log is synced, which a checkpoint begins with. Its own writes may find no room. */
    r = db_checkpoint(catalog->writer);
    if (r != 0 && r != -ENOSPC)
        return r;
    catalog->full = r == -ENOSPC;
    r = db_grow_log(catalog->writer, options->wal_bytes);
    if (r == -ENOSPC) {
        log_warning("the disk is full, and so may be the log of the database before long");
        return 0; /* what can be read and deleted makes room */
    }
    return r;
}

static int catalog_start(struct catalog *catalog, const struct catalog_options *options)
{
    int r = catalog_open_writer(catalog, options);
    if (r != 0)
        return r;

    for (; catalog->reader_count < options->readers; catalog->reader_count++) {
        r = db_open(options->path, DB_READER, &catalog->readers[catalog->reader_count]);
        if (r != 0)
            return r;
        catalog->idle_count++;
    }

    int code = pthread_create(&catalog->thread, NULL, catalog_run, catalog);
    if (code != 0)
        return fail_code(code, "start the thread of the catalog");
    catalog->started = true;
    return 0;
}

int catalog_open(const struct catalog_options *options, struct catalog **ret_catalog)
{
    struct catalog *catalog = calloc(1, sizeof(*catalog) + options->readers * sizeof(struct db *));
    if (catalog == NULL)
        return fail_errno("memory for the catalog");

    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&catalog->submitted, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&catalog->reader_returned, NULL);
    pthread_mutex_init(&catalog->mutex, NULL);
    histogram_init(&catalog->meters.wait, &HISTOGRAM_TIMES);
    histogram_init(&catalog->meters.transaction, &HISTOGRAM_TIMES);
    histogram_init(&catalog->meters.batch, &HISTOGRAM_SIZES);
    catalog->observer = options->observer;
    catalog->last = &catalog->first;
    catalog->checkpoint_pages = options->wal_bytes / LOG_PAGE_BYTES / 2;

    int r = catalog_start(catalog, options);
    if (r != 0) {
        catalog_close(catalog);
        return r;
    }
    *ret_catalog = catalog;
    return 0;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL)
        return;

    if (catalog->started) {
        pthread_mutex_lock(&catalog->mutex);
        catalog->stopping = true;
        pthread_cond_signal(&catalog->submitted);
        pthread_mutex_unlock(&catalog->mutex);
        (void)pthread_join(catalog->thread, NULL);
    }
    for (uint32_t i = 0; i < catalog->reader_count; i++)
        db_close(catalog->readers[i]);
    db_close(catalog->writer);

    pthread_mutex_destroy(&catalog->mutex);
    pthread_cond_destroy(&catalog->submitted);
    pthread_cond_destroy(&catalog->reader_returned);
    free(catalog);
}
