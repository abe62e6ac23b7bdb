/*
 * The commit protocol of one open upload
 *
 * Bytes pass four counters, in this order and never back:
 *
 *     received  >=  written  >=  synced  >=  durable
 *            pwrite      fdatasync    row, COMMIT       -> the answer
 *
 * Two lanes move them; a third one, the hash lane, follows the first (hash.c). The write lane takes
 * bytes from the buffer to the file. The sync lane makes passes; each pass takes what is written at
 * its beginning to durable:
 *
 *   1. fdatasync(file)
 *   2. before the first row that counts bytes: fsync(directory), so that the file's entry is there;
 *      or both for many uploads by one syncfs (batch.c)
 *   3. the row, in the catalog's next transaction
 *   4. durable grows, and who waits is answered
 *
 * Invariants:
 *
 *   1. One pass at a time; whoever asks during a pass is served by the next one.
 *   2. A pass for a goal begins when everything that was appended has been written and hashed.
 *   3. No sync is repeated after it failed: the upload is damaged, and nothing beyond durable
 *      counts any more. A sync that failed for want of space is no exception, but there the bytes
 *      behind durable are cut off, so the upload can go on.
 *   4. The file is open from its first dirty byte until the sync that covers it.
 *   5. Staged bytes are synced like others, but a row counts them only in a pass for a goal. A pass
 *      decides when it begins whether its row counts bytes.
 *   6. The row that moves the offset has a checkpoint of the running digest, never beyond it.
 *   7. Where offset and length make an upload complete, no row says that they are equal without
 *      saying that it is complete: a client that sees it goes away for good.
 */
#define LOG_MODULE "upload"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "storage/parts.h"
#include "storage/seeded.h"

/* ---- a pass: the disk ---- */

/* Staged bytes count in no other. */
static bool pass_is_asked(const struct upload *upload)
{
    return upload->pass == GOAL_COMMIT || upload->pass == GOAL_FINISH;
}

/* The digest of the whole could not be had: without it the last byte does not count. */
static void pass_refuse_end(struct upload *upload, struct aftermath *aftermath)
{
    bool ends = upload->counts && !upload->stopped && upload_is_ending(upload);

    if (!ends || hash_is_whole(upload))
        return;
    upload_stop(upload, REFUSED_ENDED, aftermath);
    upload->target = upload->written;
}

static void pass_begin(struct upload *upload, struct aftermath *aftermath)
{
    bool whole = upload_is_written(upload) && upload_is_hashed(upload);

    upload->pass = whole ? upload->goal : GOAL_NONE;
    /* the last bytes came after this pass was wanted: it leaves them to one with their digest */
    bool early = upload->pass == GOAL_NONE && upload_is_ending(upload) && !upload_is_hashed(upload);
    upload->pressed = early;
    upload->target = early ? upload->synced : upload->written;
    upload->target_ms = early ? upload->dirty_since_ms : upload->taken_ms;
    /* decided once: upload_unstage() and the digest that is missing may come before the row */
    upload->counts = !early && (!upload->staged || pass_is_asked(upload));
    upload->change.checkpoint = upload->checkpoint;
    if (upload->pass == GOAL_INVALIDATE && upload->verdict == 0)
        upload->verdict = upload_refusal(upload); /* an earlier pass may have completed it */
    if (upload->failure == 0 && upload->verdict == 0)
        upload->verdict = hash_judge(upload);
    pass_refuse_end(upload, aftermath);
}

static bool pass_wants_sync(const struct upload *upload)
{
    bool commits = upload->pass == GOAL_NONE || upload->pass == GOAL_COMMIT ||
                   upload->pass == GOAL_FINISH || (upload->pass == GOAL_CLOSE && !upload->staged);

    return commits && !upload->stopped && upload->target > upload->synced;
}

/* Bytes that will never count, and blocks that were allocated for more. */
static bool pass_wants_cut(const struct upload *upload)
{
    bool left_over = upload->staged || upload->written == upload->durable;
    bool last = upload->pass == GOAL_CLOSE && left_over;

    return (last || upload->pass == GOAL_ROLLBACK) && !upload_is_tidy(upload);
}

static void pass_synced(struct upload *upload, int r, struct aftermath *aftermath)
{
    if (upload->stopped)
        return;
    if (r == REFUSED_NO_SPACE) {
        /* what durable counts was synced before; the rest is cut off at the close */
        upload_stop(upload, r, aftermath);
    } else if (r != 0) {
        /* the kernel has forgotten which bytes it lost */
        upload_damage(upload, r, aftermath);
    } else {
        aftermath->dirty += upload->target - upload->synced;
        upload->synced = upload->target;
        upload->dirty_since_ms = upload->target_ms;
    }
}

static void pass_directory_synced(struct upload *upload, int r, struct aftermath *aftermath)
{
    if (r == 0)
        upload->directory_synced = true;
    else
        upload_stop(upload, r, aftermath);
}

static void pass_cut(struct upload *upload, int r, struct aftermath *aftermath)
{
    aftermath->dirty += upload->written - upload->synced;
    upload_forget_rest(upload);
    hash_go_back(upload);
    upload->extent = upload->durable;
    upload->file.allocated = 0;
    if (r != 0)
        upload_stop(upload, r, aftermath); /* the next open will cut it */
}

/* Step 1; after a batch has synced everything only what that met in this file is left. */
static int pass_sync(struct upload *upload, bool synced)
{
    uint64_t begun_ns = clock_monotonic_ns();

    atomic_fetch_add(&upload->store->synced_files, 1);
    if (synced)
        return file_sync_outcome(&upload->file);
    int r = seeded(SEEDED_COMMIT_BEFORE_SYNC) ? 0 : file_sync(&upload->file);
    histogram_add(&upload->store->sync_time, clock_monotonic_ns() - begun_ns);
    return r;
}

/* It left a batch whose syncfs has failed since: a sync that is repeated might not tell that (batch_stop()). */
static bool pass_is_lost(const struct upload *upload)
{
    return upload->begun != NULL && batch_failures(upload->begun) != upload->failures;
}

/* Step 2. */
static int pass_sync_directory(struct upload *upload)
{
    if (seeded(SEEDED_NO_DIRSYNC_AT_CREATION))
        return 0;
    return directory_sync_shard(&upload->store->directory, &upload->info.id);
}

/* ---- a pass: the row ---- */

static void pass_commit_change(struct upload *upload, struct change *change)
{
    uint32_t expire_after_s = upload->store->options.expire_after_s;
    int64_t expires = os.realtime_s() + expire_after_s;

    change->kind = CHANGE_COMMIT;
    /* the index of the janitor is touched once in an eighth of the time, not by every commit: so
     * an upload may live an eighth longer than promised, but never shorter */
    change->expires_changed = expire_after_s > 0 && expires > upload->expires;
    change->expires = expires + expire_after_s / 8;
}

/* Of what has all its bytes and yet expires: since the last one, and never before a client was told. */
static int64_t pass_expires_whole(const struct upload *upload)
{
    uint32_t expire_after_s = upload->store->options.expire_after_s;
    int64_t expires = os.realtime_s() + expire_after_s;

    if (expire_after_s == 0)
        return 0;
    return expires > upload->expires ? expires : upload->expires;
}

/* With its digest, unless that is not what it should be. */
static void pass_complete_change(struct upload *upload, struct change *change)
{
    const struct digest_value *stated = &upload->info.stated;

    change->digest = hash_digest(upload);
    if (stated->algorithm == DIGEST_NONE || digest_value_equal(stated, &change->digest)) {
        change->kind = CHANGE_COMPLETE;
        /* a part that no final upload is made of counts as unfinished */
        change->expires = upload->info.kind == UPLOAD_PARTIAL ? pass_expires_whole(upload) : 0;
        change->response = bytes_of(upload->response, upload->response_count);
    } else {
        change->kind = CHANGE_MISMATCH;
        change->expires = pass_expires_whole(upload);
    }
}

/* The newest that is not beyond the offset: while the disk synced, the hash lane may have gone on. */
static struct digest_checkpoint pass_checkpoint(const struct upload *upload)
{
    bool fits = upload->checkpoint.position <= upload->target;

    return fits ? upload->checkpoint : upload->change.checkpoint;
}

/* The lane may have written on since the pass began, but never beyond the length. */
static bool pass_ends(const struct upload *upload)
{
    return upload_is_ending(upload) && upload->target == upload->written;
}

static void pass_answered(void *argument, int result);

/* Whether a row is to be written, and which. */
static bool pass_change(struct upload *upload, struct change *change)
{
    bool counts = upload->counts && !upload->stopped && upload->target > upload->durable;
    bool whole = upload->failure == 0 && upload->verdict == 0; /* all that was appended is there */

    *change = (struct change){
        .number = upload->number,
        .about = upload_observation(upload),
        .offset = upload->target,
        .appended = os.realtime_s(),
        .checkpoint = pass_checkpoint(upload),
        .finals_expire = store_finals_expire(upload->store),
        .done = { .call = pass_answered, .argument = upload },
    };
    if (upload->pass == GOAL_DELETE) {
        change->kind = CHANGE_DELETE;
        return true;
    }
    if (upload->damaged && !upload->damage_recorded) {
        change->kind = CHANGE_STATE;
        change->state = UPLOAD_DAMAGED;
        return true;
    }
    if (upload->pass == GOAL_FINISH && whole) {
        pass_complete_change(upload, change);
        return upload->state == UPLOAD_RECEIVING; /* an earlier pass may have completed it */
    }
    if (upload->pass == GOAL_LENGTH && !upload->stopped) {
        change->kind = CHANGE_LENGTH;
        change->length = upload->stated_length;
        return true;
    }
    if (upload->pass == GOAL_INVALIDATE && upload->verdict == 0) {
        change->kind = CHANGE_STATE;
        change->state = UPLOAD_INVALIDATED;
        return true;
    }
    if (!counts)
        return false;
    if (pass_ends(upload))
        pass_complete_change(upload, change);
    else
        pass_commit_change(upload, change);
    return true;
}

/* The offset is the change's now. */
static void pass_counted(struct upload *upload, const struct change *change)
{
    if (change->offset > upload->durable)
        upload->appended = change->appended;
    atomic_fetch_add(&upload->store->acknowledged_bytes, change->offset - upload->durable);
    upload->durable = change->offset;
    upload->recorded = change->checkpoint;
    if (upload->staged)
        hash_begin_request(upload, upload->request.algorithm);
}

/* All bytes are there, whatever they are. */
static void pass_ended(struct upload *upload, const struct change *change)
{
    pass_counted(upload, change);
    upload->expires = change->expires;
    upload->info.length_known = true;
    upload->info.length = change->offset;
    upload->info.digest = change->digest;
}

static void pass_mismatched(struct upload *upload, struct aftermath *aftermath)
{
    upload->state = UPLOAD_DAMAGED;
    upload->damaged = upload->damage_recorded = true;
    atomic_fetch_add(&upload->store->damaged_uploads, 1);
    upload_stop(upload, REFUSED_DIGEST_MISMATCH, aftermath);
    log_warning("the digest is not the stated one, the file is kept id=%s",
                upload_id_format(&upload->info.id).text);
}

/* The row is on the disk. */
static void pass_committed(struct upload *upload, const struct change *change,
                           struct aftermath *aftermath)
{
    switch (change->kind) {
    case CHANGE_COMPLETE:
        pass_ended(upload, change);
        upload->state = UPLOAD_COMPLETE;
        if (upload->info.kind == UPLOAD_PARTIAL)
            finals_poke(upload->store->finals);
        break;
    case CHANGE_MISMATCH:
        pass_ended(upload, change);
        pass_mismatched(upload, aftermath);
        break;
    case CHANGE_COMMIT:
        if (change->expires_changed)
            upload->expires = change->expires;
        pass_counted(upload, change);
        break;
    case CHANGE_LENGTH:
        upload->info.length_known = true;
        upload->info.length = change->length;
        break;
    case CHANGE_STATE:
        upload->state = change->state;
        upload_stop(upload, upload_refusal(upload), aftermath);
        break;
    case CHANGE_DELETE:
        upload->state = UPLOAD_DELETED;
        upload->damage_recorded = true; /* the number may soon be another upload's */
        store_deleted(upload->store);
        break;
    case CHANGE_CREATE:
    case CHANGE_JOIN:
    case CHANGE_EXPIRE:
    case CHANGE_EXPIRE_EARLY:
    case CHANGE_PURGE:
    case CHANGE_FORGET:
    case CHANGE_PROBE:
    case CHANGE_PROVE:
    case CHANGE_COPIED:
    case CHANGE_FILED:
    case CHANGE_FREED: assert(false); break;
    }
    if (upload->stopped)
        upload_forget_rest(upload);
}

/* ---- the end of a pass ---- */

/* Whether an earlier failure is the answer: not for goals that do not care for bytes. */
static bool pass_needs_bytes(const struct upload *upload, enum goal pass)
{
    return pass != GOAL_ANSWER && pass != GOAL_DELETE &&
           (pass != GOAL_INVALIDATE || upload->damaged);
}

static void pass_end(struct upload *upload, int r, struct aftermath *aftermath)
{
    enum goal pass = upload->pass;

    upload->syncing = false;
    upload->pass = GOAL_NONE;
    if (pass != GOAL_NONE) {
        upload->goal = GOAL_NONE;
        upload->info.offset = upload->durable;
        upload->info.state = upload->state;
        upload->info.expires = upload->expires;
        upload->info.appended = upload->appended;
        if (upload->failure != 0 && pass_needs_bytes(upload, pass))
            r = upload->failure;
        aftermath->done = upload->done;
        aftermath->result = r != 0 ? r : upload->verdict;
    }
    if (pass == GOAL_CLOSE && upload_is_quiet(upload))
        aftermath->release = true;
    else if (pass == GOAL_CLOSE)
        upload_pursue(upload, GOAL_CLOSE, 0, (struct done){ 0 });
    else
        upload_advance(upload);
}

/* On the catalog's thread: the row is on the disk, or was refused. */
static void pass_answered(void *argument, int result)
{
    struct upload *upload = argument;
    struct aftermath aftermath = AFTERMATH;
    const struct change *change = &upload->change;

    if (seeded(SEEDED_COMMIT_BEFORE_SYNC) && upload->file.fd >= 0)
        (void)file_sync(&upload->file);

    upload_lock(upload);
    upload->database_ns += clock_monotonic_ns() - upload->submitted_ns;
    if (change->kind == CHANGE_STATE && change->state == UPLOAD_DAMAGED)
        upload->damage_recorded = true;
    if (result == 0)
        pass_committed(upload, change, &aftermath);
    else if (change->kind == CHANGE_COMMIT || change->kind == CHANGE_COMPLETE ||
             change->kind == CHANGE_MISMATCH)
        upload_stop(upload, result, &aftermath);
    pass_end(upload, result, &aftermath);
    upload_unlock(upload, &aftermath);
}

/*
 * Blocks that were allocated ahead go back when no more bytes come: a client that stalls holds
 * none. Called and returns with the lock held; the write lane is kept off while the file is cut,
 * as the cut must not meet a write behind it.
 */
static void pass_free_blocks(struct upload *upload, struct aftermath *aftermath)
{
    bool idle = upload_is_written(upload) && upload->written == upload->synced;

    if (!idle || upload->damaged || upload->file.allocated <= upload->written)
        return;
    upload->writing = true;
    pthread_mutex_unlock(&upload->mutex);

    (void)file_cut(&upload->file, upload->written); /* a failure costs blocks, no bytes */

    upload_lock(upload);
    upload->writing = false;
    upload->file.allocated = 0;
    upload_settle(upload, aftermath);
    upload_advance(upload);
}

bool upload_begin_pass(struct upload *upload, struct batch *batch, struct aftermath *aftermath)
{
    pass_begin(upload, aftermath);
    upload->begun = batch;
    upload->failures = batch_failures(batch);
    return pass_wants_sync(upload);
}

void upload_run_pass(struct upload *upload, bool synced)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    upload->batch = NULL;
    if (upload->begun == NULL)
        pass_begin(upload, &aftermath);
    bool sync = pass_wants_sync(upload);
    bool directory = sync && upload->durable == 0 && !upload->directory_synced;
    bool cut = pass_wants_cut(upload);
    uint64_t durable = upload->durable;
    pthread_mutex_unlock(&upload->mutex);

    int outcome = sync ? pass_sync(upload, synced) : 0;
    bool lost = sync && outcome == 0 && pass_is_lost(upload);
    int directory_outcome = directory && outcome == 0 && !synced ? pass_sync_directory(upload) : 0;
    int cut_off = cut ? file_cut(&upload->file, durable) : 0;

    upload_lock(upload);
    if (upload->counted)
        batch_count_out(&upload->store->eager);
    upload->counted = false;
    upload->begun = NULL;
    if (lost)
        upload_stop(upload, -EIO, &aftermath);
    if (sync)
        pass_synced(upload, outcome, &aftermath);
    if (directory && outcome == 0)
        pass_directory_synced(upload, directory_outcome, &aftermath);
    if (cut)
        pass_cut(upload, cut_off, &aftermath);
    pass_free_blocks(upload, &aftermath);
    if (upload->pass != GOAL_NONE)
        buffer_drop(upload, &aftermath); /* nothing is in it */
    bool row = pass_change(upload, &upload->change);
    if (!row || !seeded(SEEDED_COMMIT_BEFORE_SYNC))
        upload_close_file(upload, &aftermath);
    if (!row)
        pass_end(upload, 0, &aftermath);
    upload->submitted_ns = clock_monotonic_ns();
    upload_unlock(upload, &aftermath);

    if (row)
        catalog_submit(upload->store->catalog, &upload->change);
}

void upload_sync_run(struct job *job)
{
    upload_run_pass(PART_OF(struct upload, sync_job, job), false);
}
