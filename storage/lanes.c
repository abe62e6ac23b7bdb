/*
 * The three lanes of an open upload: when they run, and how they stop
 *
 * Whatever happens to an upload changes its state under its lock and then calls upload_advance(),
 * which starts what has become possible: the write lane when there are bytes and room, the hash lane
 * when bytes are written that a digest has not seen, the sync lane when there is a goal, a reason to
 * commit, or damage to be recorded. A lane that comes to its end does the same. So there is one place
 * that decides, and no lost wake-up.
 */
#define LOG_MODULE "upload"
#include <assert.h>
#include <inttypes.h>

#include "base/fail.h"
#include "base/refusal.h"
#include "storage/parts.h"

enum {
    WINDOW_LEAST_BYTES = 256 * 1024,
    OBSERVE_MS = 1000, /* between two arrivals that an observer is told of */
};

void upload_lock(struct upload *upload)
{
    pthread_mutex_lock(&upload->mutex);
}

void upload_unlock(struct upload *upload, struct aftermath *aftermath)
{
    struct store *store = upload->store;

    pthread_mutex_unlock(&upload->mutex);
    file_close(&aftermath->file);
    bound_give(&store->files, aftermath->files);
    bound_give(&store->dirty, aftermath->dirty);
    bound_give(&store->buffers, aftermath->buffers);
    done_call(aftermath->ready, aftermath->readiness);
    done_call(aftermath->done, aftermath->result);
    if (aftermath->release)
        upload_release(upload);
}

/* ---- when a lane has something to do ---- */

bool upload_is_ending(const struct upload *upload)
{
    return !upload->info.explicit_completion && upload->state == UPLOAD_RECEIVING &&
           upload->info.length_known && upload->written == upload->info.length &&
           upload->written > upload->durable;
}

bool upload_is_written(const struct upload *upload)
{
    return !upload->writing && !upload->waiting && upload->received == upload->written;
}

/* Its writer waits for something, or others do for what it holds. */
static bool upload_is_awaited(const struct upload *upload)
{
    struct store *store = upload->store;

    return upload->goal != GOAL_NONE || upload->ready.call != NULL || upload->ended ||
           bound_pressed(&store->files) || bound_pressed(&store->dirty);
}

/* A newer writer may come for it or is there, or its goal needs no disk. */
static bool upload_hurries(const struct upload *upload)
{
    return upload->ended || (upload->goal != GOAL_NONE && upload->goal != GOAL_COMMIT &&
                             upload->goal != GOAL_FINISH);
}

bool upload_leaves_batch(const struct upload *upload)
{
    return upload->batch == &upload->store->eager ? upload_hurries(upload)
                                                  : upload_is_awaited(upload);
}

/* How much of one upload may be dirty before a pass begins: less, when many share the bound. */
static uint64_t upload_window(const struct upload *upload)
{
    const struct store_options *options = &upload->store->options;
    uint64_t share = options->dirty_bytes / (2 * atomic_load(&upload->store->upload_count) + 1);

    if (share < WINDOW_LEAST_BYTES)
        share = WINDOW_LEAST_BYTES;
    return share < options->commit_bytes / 2 ? share : options->commit_bytes / 2;
}

/*
 * What a killed server loses is what durable does not count: while a pass takes its time, the write
 * lane stops at commit_bytes. Passes begin at half of that, so a quick disk never stops it; a pass's
 * end lets it go on. Staged bytes wait for no pass, and those of a failed upload have no place to go.
 */
static bool upload_may_write(const struct upload *upload)
{
    uint64_t most = upload->store->options.commit_bytes;

    if (most < 2ULL * BUFFER_BYTES)
        most = 2ULL * BUFFER_BYTES;
    return upload->staged || upload->failure != 0 ||
           upload->written - upload->durable < most - BUFFER_BYTES;
}

/*
 * Bytes that flow are written by halves of the buffer, one while the other is filled, as each write costs the
 * waking of a thread; and at the next tick, as there may be no more. Bytes that trickle are written as they
 * come, but who has no file when half of them are taken keeps them in a small buffer until they are committed:
 * in the file they would be worth no more before, and others' would be synced early to get one for them. That
 * ends when half of the memory is taken, too. What somebody waits for, or for its place, is written at once.
 */
static bool upload_gathers(const struct upload *upload)
{
    struct bound *buffers = &upload->store->buffers, *files = &upload->store->files;
    bool small = upload->buffer_bytes <= SMALL_BUFFER_BYTES;
    bool last = upload->info.length_known && upload->received == upload->info.length;
    bool awaited = upload->goal != GOAL_NONE || upload->ready.call != NULL || upload->pressed;
    uint64_t gathered = upload->received - upload->written;

    if (last || awaited || upload->failure != 0)
        return false;
    if (upload->flows)
        return gathered < upload->buffer_bytes / 2 && !bound_pressed(buffers);
    return small && gathered < SMALL_BUFFER_BYTES / 2 && !upload->file_taken &&
           bound_used(files) >= files->limit / 2 && !store_lacks_memory(upload->store);
}

static bool upload_must_sync(const struct upload *upload)
{
    if (upload->goal != GOAL_NONE && upload_is_written(upload) && upload_is_hashed(upload))
        return true;
    if (upload->damaged && !upload->damage_recorded)
        return !upload->writing;
    if (upload_is_ending(upload) && !upload_is_hashed(upload))
        return false; /* its row has the digest */
    uint64_t dirty = upload->written - upload->synced;
    bool gathered = upload->writing && !upload->flows; /* what was: the pass takes it with it */
    return dirty > 0 && ((upload->pressed && !gathered) || dirty >= upload_window(upload));
}

/* Room to write: a file of ours, and dirty bytes left. False: the room's resume will come. */
static bool upload_has_room(struct upload *upload)
{
    struct store *store = upload->store;

    if (!upload->file_taken && bound_take(&store->files, 1, &upload->room))
        upload->file_taken = true;
    else if (!upload->file_taken)
        upload->waiting = true;
    if (!upload->waiting && !bound_take(&store->dirty, 0, &upload->room))
        upload->waiting = upload->pressed = true;
    if (upload->waiting)
        store_press(store);
    return !upload->waiting;
}

/* Others wait for a file: once what is in ours is synced it is closed, and no more is written before. */
static bool upload_yields_file(struct upload *upload)
{
    bool busy = upload->syncing || upload->written > upload->synced;

    if (!upload->file_taken || !busy || !bound_pressed(&upload->store->files))
        return false;
    upload->pressed = true;
    return true;
}

/* With the pass of another, when it has few bytes to sync. */
static bool upload_syncs_together(struct upload *upload)
{
    struct store *store = upload->store;
    uint64_t dirty = upload->written - upload->synced;

    if (!store->directory.together || upload->flows || dirty == 0 || dirty >= upload_window(upload))
        return false;
    if (!upload_is_awaited(upload)) {
        upload->batch = &store->patient;
        batch_enter(upload->batch, upload);
        return true;
    }
    if (upload_hurries(upload))
        return false;
    upload->counted = true;
    if (!batch_join(&store->eager, upload))
        return false;
    upload->batch = &store->eager;
    return true;
}

static void upload_sync(struct upload *upload)
{
    upload->syncing = true;
    upload->sync_job.run = upload_sync_run;
    if (!upload_syncs_together(upload))
        (void)workers_submit(upload->store->sync, &upload->sync_job);
}

void upload_advance(struct upload *upload)
{
    if (!upload->writing && !upload->waiting && upload->written < upload->received &&
        !upload_gathers(upload) && upload_may_write(upload) && !upload_yields_file(upload) &&
        upload_has_room(upload)) {
        upload->writing = true;
        upload->write_job.run = upload_write_run;
        (void)workers_submit(upload->store->io, &upload->write_job);
    }
    if (hash_take(upload)) {
        upload->hash_job.run = upload_hash_run;
        (void)workers_submit(upload->store->io, &upload->hash_job);
    }
    if (!upload->syncing && upload_must_sync(upload))
        upload_sync(upload);
    if (upload->batch != NULL && upload_leaves_batch(upload) &&
        batch_leave(upload->batch, upload)) {
        upload->batch = NULL;
        (void)workers_submit(upload->store->sync, &upload->sync_job);
    }
}

void upload_room_resume(struct bound_waiter *waiter)
{
    struct upload *upload = PART_OF(struct upload, room, waiter);
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    upload->waiting = false;
    upload_advance(upload);
    upload_unlock(upload, &aftermath);
}

void upload_pursue(struct upload *upload, enum goal goal, int verdict, struct done done)
{
    assert(upload->goal == GOAL_NONE);
    upload->goal = goal;
    upload->verdict = verdict;
    upload->done = done;
    upload_advance(upload);
}

/* A client that is slow, or whose bytes count only when they are verified, is not gone. */
static void tick_observe(struct upload *upload, uint64_t now_ms)
{
    const struct observer *observer = &upload->store->options.observer;
    struct observation observation = upload_observation(upload);

    if (upload->received < upload->observed)
        upload->observed = upload->received; /* some were taken back */
    if (observer->see == NULL || upload->state != UPLOAD_RECEIVING ||
        upload->syncing || /* it will tell by itself, perhaps that there are no more to come */
        upload->received == upload->observed)
        return;
    if (now_ms - upload->observed_ms < OBSERVE_MS) {
        group_hasten(upload->group);
        return;
    }
    upload->observed = upload->received;
    upload->observed_ms = now_ms;
    observation.what = OBSERVED_ARRIVAL;
    observer->see(observer->argument, &observation);
}

/* What will be too old at the group's next turn is old enough now. */
static bool tick_commits(const struct upload *upload, uint64_t now_ms, bool pressed)
{
    const struct store_options *options = &upload->store->options;
    uint64_t uncommitted = upload->received - upload->synced;
    uint64_t since_ms = upload->dirty_since_ms; /* they may have come since the tick began */
    uint64_t age_ms = now_ms > since_ms ? now_ms - since_ms : 0;

    if (pressed && upload->written > upload->synced)
        return true;
    return uncommitted > 0 &&
           (age_ms + GROUP_TURN_MS >= options->commit_late_ms ||
            (uncommitted >= options->commit_soon_bytes && age_ms >= options->commit_soon_ms));
}

/* When a tick is to look at it again; new bytes bring that forward. */
static uint64_t tick_due_ms(const struct upload *upload)
{
    const struct store_options *options = &upload->store->options;
    bool told = options->observer.see == NULL || upload->state != UPLOAD_RECEIVING ||
                upload->received == upload->observed;
    bool spent = upload->buffer != NULL && upload->received == upload->written;
    uint64_t uncommitted = upload->received - upload->synced;
    uint64_t late_ms = upload->dirty_since_ms + options->commit_late_ms;

    if (!told || spent || upload->pressed || uncommitted >= options->commit_soon_bytes)
        return 0;
    if (uncommitted == 0)
        return UINT64_MAX;
    return late_ms > GROUP_TURN_MS ? late_ms - GROUP_TURN_MS : 0;
}

void upload_tick(struct upload *upload, uint64_t now_ms, bool pressed)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    if (tick_commits(upload, now_ms, pressed))
        upload->pressed = true;
    buffer_give_back(upload, &aftermath);
    if (upload->flows)
        group_hasten(upload->group); /* for the buffer: */
    upload->flows = false;           /* until the next large piece */
    if (upload->pressed || upload->received > upload->written)
        upload_advance(upload);
    if (upload->received - upload->synced >= upload->store->options.commit_soon_bytes)
        group_hasten(upload->group);
    tick_observe(upload, now_ms);
    atomic_store(&upload->due_ms, tick_due_ms(upload));
    upload_unlock(upload, &aftermath);
}

bool upload_is_tidy(const struct upload *upload)
{
    return upload->damaged || upload->state == UPLOAD_DELETED ||
           (upload->extent <= upload->durable && upload->file.allocated <= upload->durable);
}

bool upload_is_quiet(const struct upload *upload)
{
    return upload_is_written(upload) && !upload->hashing && !upload->syncing &&
           upload->goal == GOAL_NONE && upload->received == upload->durable &&
           !upload->file_taken && upload->buffer == NULL && upload_is_tidy(upload) &&
           (!upload->damaged || upload->damage_recorded);
}

void upload_close_file(struct upload *upload, struct aftermath *aftermath)
{
    bool synced = !upload->writing && !upload->waiting && upload->written == upload->synced;

    if (!upload->file_taken || !synced)
        return;
    if (upload->received > upload->written && !bound_pressed(&upload->store->files))
        return;
    aftermath->file = upload->file;
    aftermath->files++;
    upload->file.fd = -1;
    upload->file_taken = false;
}

/* ---- when something went wrong ---- */

void upload_forget_rest(struct upload *upload)
{
    upload->received = upload->written = upload->hashed = upload->synced = upload->durable;
}

void upload_stop(struct upload *upload, int failure, struct aftermath *aftermath)
{
    if (upload->failure == 0)
        upload->failure = failure;
    upload->stopped = true;
    aftermath->dirty += upload->written - upload->synced;
    upload_forget_rest(upload);
    if (!upload->writing && !upload->hashing)
        upload_settle(upload, aftermath); /* otherwise the lane will see it */
}

void upload_damage(struct upload *upload, int failure, struct aftermath *aftermath)
{
    upload_stop(upload, failure, aftermath);
    if (upload->damaged)
        return;
    upload->damaged = true;
    atomic_fetch_add(&upload->store->damaged_uploads, 1);
    log_error("the upload is damaged, its file is kept id=%s offset=%" PRIu64,
              upload_id_format(&upload->info.id).text, upload->durable);
}
