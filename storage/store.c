#define LOG_MODULE "store"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "storage/finals.h"
#include "storage/janitor.h"
#include "storage/os.h"
#include "storage/parts.h"
#include "storage/timer.h"

static const struct store_options store_defaults = {
    .io_threads = 4,
    .sync_threads = 16,
    .buffer_bytes = UINT64_C(64) << 20,
    .dirty_bytes = UINT64_C(128) << 20,
    .file_count = 512,
    .commit_bytes = UINT64_C(16) << 20,
    .commit_soon_ms = 1000,
    .commit_soon_bytes = UINT64_C(1) << 20,
    .commit_late_ms = 30 * 1000,
    .commit_together = 4,
    .commit_together_ms = 100,
    .janitor_interval_s = 60,
    .wal_bytes = UINT64_C(16) << 20,
};

#define DEFAULT(options, field) \
    ((options)->field = (options)->field != 0 ? (options)->field : store_defaults.field)

static struct store_options store_fill_in(const struct store_options *given)
{
    struct store_options options = *given;

    DEFAULT(&options, io_threads);
    DEFAULT(&options, sync_threads);
    DEFAULT(&options, buffer_bytes);
    DEFAULT(&options, dirty_bytes);
    DEFAULT(&options, file_count);
    DEFAULT(&options, commit_bytes);
    DEFAULT(&options, commit_soon_ms);
    DEFAULT(&options, commit_soon_bytes);
    DEFAULT(&options, commit_late_ms);
    DEFAULT(&options, commit_together);
    DEFAULT(&options, commit_together_ms);
    DEFAULT(&options, janitor_interval_s);
    DEFAULT(&options, wal_bytes);
    return options;
}

#undef DEFAULT

/* ---- open and close ---- */

static int store_open_catalog(struct store *store)
{
    AUTO_FREE char *path = NULL;

    if (asprintf(&path, "%s/ferry.db", store->directory.path) < 0) {
        path = NULL;
        return fail_code(ENOMEM, "memory for the path of the database");
    }
    struct catalog_options options = {
        .path = path,
        .wal_bytes = store->options.wal_bytes,
        .readers = store->options.io_threads + 2, /* the janitor, and finals */
        .observer = store->options.observer,
    };
    int r = catalog_open(&options, &store->catalog);
    if (r != 0)
        return r;

    directory_sync_root(&store->directory); /* the names of the database's files */
    return 0;
}

static int store_start_threads(struct store *store)
{
    store->leases = lease_table_new();
    if (store->leases == NULL)
        return -ENOMEM;

    int r = workers_start("ferry-io", store->options.io_threads, SIZE_MAX, &store->io);
    if (r == 0)
        r = workers_start("ferry-sync", store->options.sync_threads, SIZE_MAX, &store->sync);
    if (r != 0)
        return r;

    store->finals = finals_new(store);
    if (store->finals == NULL)
        return -ENOMEM;
    finals_poke(store->finals); /* what was under way at the end of the last start */

    store->janitor = janitor_new(store);
    if (store->janitor == NULL)
        return -EAGAIN;

    if (store->options.manual)
        return 0;
    store->timer = timer_new(store);
    return store->timer == NULL ? -EAGAIN : 0;
}

static struct store *store_new(const struct store_options *options)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        (void)fail_errno("memory for the store");
        return NULL;
    }

    store->options = store_fill_in(options);
    store->directory = DIRECTORY_CLOSED;
    histogram_init(&store->sync_time, &HISTOGRAM_TIMES);
    bound_init(&store->files, store->options.file_count);
    bound_init(&store->dirty, store->options.dirty_bytes);
    bound_init(&store->buffers, store->options.buffer_bytes);
    batch_init(&store->patient, store, false);
    batch_init(&store->eager, store, true);
    pins_init(&store->pins);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->emptied, NULL);
    return store;
}

static int store_measure(struct store *store)
{
    uint64_t free_bytes, total_bytes;

    int r = directory_space(&store->directory, &free_bytes, &total_bytes);
    if (r == 0)
        atomic_store(&store->free_bytes, free_bytes);
    return r;
}

int store_make_directory(const char *path, bool *ret_there)
{
    return directory_make_own(path, ret_there);
}

int store_make_directory_for(const char *path, uid_t owner, gid_t group)
{
    return directory_make_for(path, owner, group);
}

int store_claim(const struct store_options *options, struct store **ret_store)
{
    struct store *store = store_new(options);
    if (store == NULL)
        return -ENOMEM;

    int r = directory_open(options->directory, &store->directory);
    if (r == 0)
        r = store_measure(store);
    if (r != 0) {
        store_close(store);
        return r;
    }
    *ret_store = store;
    return 0;
}

int store_start(struct store *store)
{
    int r = store_open_catalog(store);
    return r == 0 ? store_start_threads(store) : r;
}

int store_open(const struct store_options *options, struct store **ret_store)
{
    struct store *store = NULL;

    int r = store_claim(options, &store);
    if (r == 0)
        r = store_start(store);
    if (r != 0) {
        store_close(store);
        return r;
    }
    *ret_store = store;
    return 0;
}

/* Last commits may be under way: they need the threads that are ended after them. */
static void store_wait_until_empty(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    while (atomic_load(&store->upload_count) > 0)
        pthread_cond_wait(&store->emptied, &store->mutex);
    pthread_mutex_unlock(&store->mutex);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;

    store_wait_until_empty(store);
    timer_free(store->timer);
    janitor_free(store->janitor);
    finals_free(store->finals);
    workers_stop(store->io);
    workers_stop(store->sync);
    catalog_close(store->catalog);
    lease_table_free(store->leases);
    directory_close(&store->directory);

    bound_done(&store->files);
    bound_done(&store->dirty);
    bound_done(&store->buffers);
    batch_done(&store->patient);
    batch_done(&store->eager);
    pins_done(&store->pins);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->emptied);
    free(store);
}

/* ---- the uploads that are open ---- */

void store_enter(struct store *store, struct upload *upload)
{
    struct upload_group *group = &store->groups[upload->lease.id.bytes[2] % UPLOAD_GROUPS];

    pthread_mutex_lock(&store->mutex);
    upload->group = group;
    upload->next = group->first;
    upload->link = &group->first;
    if (upload->next != NULL)
        upload->next->link = &upload->next;
    group->first = upload;
    atomic_fetch_add(&store->upload_count, 1);
    pthread_mutex_unlock(&store->mutex);
}

void store_leave(struct store *store, struct upload *upload)
{
    pthread_mutex_lock(&store->mutex);
    *upload->link = upload->next;
    if (upload->next != NULL)
        upload->next->link = upload->link;
    if (atomic_fetch_sub(&store->upload_count, 1) == 1)
        pthread_cond_broadcast(&store->emptied);
    pthread_mutex_unlock(&store->mutex);
}

/* ---- time ---- */

bool store_lacks_memory(struct store *store)
{
    return bound_used(&store->buffers) >= store->options.buffer_bytes / 2;
}

/* The groups have their turns one after the other, each once in GROUP_TURN_MS. */
static uint64_t group_next_turn(const struct store *store, const struct upload_group *group,
                                uint64_t now_ms)
{
    uint64_t offset_ms = (uint64_t)(group - store->groups) * GROUP_TURN_MS / UPLOAD_GROUPS;

    return now_ms + GROUP_TURN_MS - (now_ms + GROUP_TURN_MS - offset_ms) % GROUP_TURN_MS;
}

struct tick {
    uint64_t now_ms;
    bool pressed; /* somebody waits for a file, or for dirty bytes to become fewer */
    bool hurried; /* the same, or for memory: for all groups */
    bool for_all; /* in a group not only for those that it is time for */
};

/* Of ten thousand uploads whose bytes trickle, few have anything to do in a second. */
static void group_tick(struct store *store, struct upload_group *group, const struct tick *tick)
{
    bool hastened = atomic_exchange(&group->hastened, false);

    if (!hastened && !tick->hurried && tick->now_ms < group->due_ms)
        return;
    group->due_ms = group_next_turn(store, group, tick->now_ms);
    pthread_mutex_lock(&store->mutex);
    for (struct upload *upload = group->first; upload != NULL; upload = upload->next)
        if (tick->for_all || tick->now_ms >= atomic_load(&upload->due_ms))
            upload_tick(upload, tick->now_ms, tick->pressed);
    pthread_mutex_unlock(&store->mutex);
}

void store_tick(struct store *store)
{
    struct tick tick = { .now_ms = os.monotonic_ms() };

    (void)store_measure(store);
    lease_expire(store->leases, tick.now_ms);

    tick.pressed = bound_pressed(&store->files) || bound_pressed(&store->dirty);
    tick.hurried = tick.pressed || bound_pressed(&store->buffers);
    tick.for_all = tick.hurried || store_lacks_memory(store);
    for (size_t i = 0; i < UPLOAD_GROUPS; i++)
        group_tick(store, &store->groups[i], &tick);
    batch_tick(&store->patient, tick.now_ms);
    batch_tick(&store->eager, tick.now_ms);
}

int store_sweep(struct store *store)
{
    if (store->options.manual)
        finals_work(store->finals);
    return janitor_sweep(store->janitor);
}

void store_press(struct store *store)
{
    if (store->timer != NULL)
        timer_press(store->timer);
}

void store_deleted(struct store *store)
{
    janitor_poke(store->janitor);
}

int64_t store_finals_expire(const struct store *store)
{
    uint32_t expire_after_s = store->options.expire_after_s;

    return expire_after_s == 0 ? 0 : os.realtime_s() + expire_after_s;
}

struct store_statistics store_statistics(struct store *store)
{
    struct catalog_statistics catalog = catalog_statistics(store->catalog);

    return (struct store_statistics){
        .open_uploads = atomic_load(&store->upload_count),
        .open_files = bound_used(&store->files),
        .dirty_bytes = bound_used(&store->dirty),
        .buffer_bytes = bound_used(&store->buffers),
        .free_bytes = atomic_load(&store->free_bytes),
        .synced_files = atomic_load(&store->synced_files),
        .committed_groups = catalog.groups,
        .committed_changes = catalog.changes,
        .expired_uploads = atomic_load(&store->expired_uploads),
        .deleted_files = atomic_load(&store->deleted_files),
        .damaged_uploads = atomic_load(&store->damaged_uploads),
        .acknowledged_bytes = atomic_load(&store->acknowledged_bytes),
        .created_uploads = catalog.created,
        .completed_uploads = catalog.completed,
        .deleted_uploads = catalog.deleted,
        .takeovers = lease_takeovers(store->leases),
    };
}

void store_read_meters(struct store *store, struct store_meters *ret_meters)
{
    const struct catalog_meters *catalog = catalog_meters(store->catalog);

    *ret_meters = (struct store_meters){
        .sync = histogram_read(&store->sync_time),
        .change_wait = histogram_read(&catalog->wait),
        .transaction = histogram_read(&catalog->transaction),
        .batch = histogram_read(&catalog->batch),
        .io = workers_counts(store->io),
        .syncers = workers_counts(store->sync),
    };
}
