/*
 * The batch's mutex says where an upload is: waiting, running, or on no list, because the thread of the job begins
 * its pass or ends it, or because its pass was given to the sync lane. While it is on a list it may be taken out at
 * any moment, during syncfs, too: its own fdatasync is right, unless syncfs has failed meanwhile (failures).
 */
#define LOG_MODULE "store"
#include "storage/batch.h"

#include <assert.h>

#include "base/clock.h"
#include "storage/os.h"
#include "storage/parts.h"

enum {
    REST_SHARE = 100, /* of the time a slow syncfs is under way for one part at most */
};

void batch_init(struct batch *batch, struct store *store, bool eager)
{
    *batch = (struct batch){ .store = store, .eager = eager };
    pthread_mutex_init(&batch->mutex, NULL);
}

void batch_done(struct batch *batch)
{
    assert(batch->waiting == NULL && batch->running == NULL && batch->passes == 0);
    pthread_mutex_destroy(&batch->mutex);
}

unsigned batch_failures(struct batch *batch)
{
    pthread_mutex_lock(&batch->mutex);
    unsigned failures = batch->failures;
    pthread_mutex_unlock(&batch->mutex);
    return failures;
}

/* ---- the lists; all with the mutex held ---- */

static void list_add(struct upload **list, struct upload *upload)
{
    upload->batch_next = *list;
    upload->batch_link = list;
    if (*list != NULL)
        (*list)->batch_link = &upload->batch_next;
    *list = upload;
}

static void list_remove(struct upload *upload)
{
    *upload->batch_link = upload->batch_next;
    if (upload->batch_next != NULL)
        upload->batch_next->batch_link = upload->batch_link;
    upload->batch_link = NULL;
}

/* NULL: it is empty. */
static struct upload *list_take(struct upload **list)
{
    struct upload *upload = *list;

    if (upload != NULL)
        list_remove(upload);
    return upload;
}

/* ---- the job ---- */

static struct upload *batch_take(struct batch *batch, struct upload **list)
{
    pthread_mutex_lock(&batch->mutex);
    struct upload *upload = list_take(list);
    pthread_mutex_unlock(&batch->mutex);
    return upload;
}

static void batch_sync_apart(struct upload *upload)
{
    (void)workers_submit(upload->store->sync, &upload->sync_job);
}

/* Whether it is synced with the others. Who is to leave by now is not. */
static bool batch_begin(struct batch *batch, struct upload *upload)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    bool together = upload_begin_pass(upload, batch, &aftermath) && !upload_leaves_batch(upload);
    if (together) {
        pthread_mutex_lock(&batch->mutex);
        list_add(&batch->running, upload);
        pthread_mutex_unlock(&batch->mutex);
    } else {
        upload->batch = NULL;
        batch_sync_apart(upload);
    }
    upload_unlock(upload, &aftermath);
    return together;
}

static size_t batch_begin_all(struct batch *batch)
{
    struct upload *upload;
    size_t count = 0;

    while ((upload = batch_take(batch, &batch->waiting)) != NULL)
        count += batch_begin(batch, upload);
    return count;
}

/* With the mutex held. */
static bool batch_is_late(const struct batch *batch, uint64_t now_ms)
{
    return batch->syncing && now_ms > batch->begun_ms + batch->store->options.commit_together_ms;
}

static void batch_note_slow(struct batch *batch, uint64_t ended_ms)
{
    uint64_t took_ms = ended_ms - batch->begun_ms;

    if (took_ms > batch->store->options.commit_together_ms)
        batch->apart_until_ms = ended_ms + REST_SHARE * took_ms;
}

/* Positive: what those that run have written is on the disk, as far as their files do not say otherwise. 0: not tried. */
static int batch_sync(struct batch *batch, size_t count)
{
    struct store *store = batch->store;
    uint64_t now_ms = os.monotonic_ms();

    if (count < store->options.commit_together || now_ms < batch->apart_until_ms)
        return 0;
    pthread_mutex_lock(&batch->mutex);
    batch->syncing = true;
    batch->begun_ms = now_ms;
    pthread_mutex_unlock(&batch->mutex);

    uint64_t begun_ns = clock_monotonic_ns();
    int r = directory_sync_all(&store->directory, batch->eager ? SYNCER_EAGER : SYNCER_PATIENT);
    if (batch->eager)
        histogram_add(&store->sync_time, clock_monotonic_ns() - begun_ns);

    pthread_mutex_lock(&batch->mutex);
    batch->failures += r < 0;
    batch_note_slow(batch, os.monotonic_ms());
    pthread_mutex_unlock(&batch->mutex);
    return r < 0 ? r : 1;
}

/*
 * What failed may be no file's own error, as a flush of the disk's cache: then fdatasync would find nothing to do and
 * say that all is well. So what durable does not count is cut off at the close, and the client sends it again.
 */
static void batch_stop(struct upload *upload, int failure)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    upload_stop(upload, failure, &aftermath);
    upload_unlock(upload, &aftermath);
    upload_run_pass(upload, true);
}

static void batch_end_all(struct batch *batch, int synced)
{
    struct upload *upload;

    while ((upload = batch_take(batch, &batch->running)) != NULL)
        if (synced > 0)
            upload_run_pass(upload, true);
        else if (synced == 0)
            batch_sync_apart(upload);
        else
            batch_stop(upload, synced);
}

static void batch_run(struct job *job);

/* With the mutex held. */
static void batch_start(struct batch *batch)
{
    batch->busy = true;
    batch->job.run = batch_run;
    (void)workers_submit(batch->store->sync, &batch->job);
}

static void batch_run(struct job *job)
{
    struct batch *batch = PART_OF(struct batch, job, job);

    size_t count = batch_begin_all(batch);
    batch_end_all(batch, batch_sync(batch, count));

    pthread_mutex_lock(&batch->mutex);
    batch->busy = batch->syncing = false;
    if (batch->eager && batch->waiting != NULL)
        batch_start(batch);
    pthread_mutex_unlock(&batch->mutex);
}

void batch_enter(struct batch *batch, struct upload *upload)
{
    pthread_mutex_lock(&batch->mutex);
    list_add(&batch->waiting, upload);
    pthread_mutex_unlock(&batch->mutex);
}

bool batch_join(struct batch *batch, struct upload *upload)
{
    uint64_t now_ms = os.monotonic_ms();

    pthread_mutex_lock(&batch->mutex);
    batch->passes++;
    bool joins = batch->passes >= batch->store->options.commit_together &&
                 now_ms >= batch->apart_until_ms && !batch_is_late(batch, now_ms);
    if (joins)
        list_add(&batch->waiting, upload);
    if (joins && !batch->busy)
        batch_start(batch);
    pthread_mutex_unlock(&batch->mutex);
    return joins;
}

void batch_count_out(struct batch *batch)
{
    pthread_mutex_lock(&batch->mutex);
    batch->passes--;
    pthread_mutex_unlock(&batch->mutex);
}

bool batch_leave(struct batch *batch, struct upload *upload)
{
    pthread_mutex_lock(&batch->mutex);
    bool listed = upload->batch_link != NULL;
    if (listed)
        list_remove(upload);
    pthread_mutex_unlock(&batch->mutex);
    return listed;
}

/* Commits are late by as much as the syncfs takes: all that are in the batch are synced apart. */
static void batch_give_up(struct batch *batch)
{
    struct upload *upload;

    while ((upload = batch_take(batch, &batch->running)) != NULL ||
           (upload = batch_take(batch, &batch->waiting)) != NULL)
        batch_sync_apart(upload);
}

void batch_tick(struct batch *batch, uint64_t now_ms)
{
    pthread_mutex_lock(&batch->mutex);
    bool slow = batch_is_late(batch, now_ms);
    if (!batch->busy && batch->waiting != NULL)
        batch_start(batch);
    pthread_mutex_unlock(&batch->mutex);

    if (slow)
        batch_give_up(batch);
}
