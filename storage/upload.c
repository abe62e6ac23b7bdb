/*
 * One writer's upload, from upload_open() to its release
 *
 *   upload_open -> check -> lease -> open_run: row, file -> done | append, goals | upload_close -> release
 *
 * The object belongs to the writer until upload_close() and to storage from then on: its last pass
 * commits what was appended, and upload_release() lets the next writer in.
 */
#define LOG_MODULE "upload"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "storage/parts.h"

/* ---- the end ---- */

void upload_release(struct upload *upload)
{
    struct store *store = upload->store;

    assert(upload->buffer == NULL);
    assert(!upload->file_taken);
    assert(!upload->hashing);
    lease_release(store->leases, &upload->lease);
    store_leave(store, upload); /* the last use of the store: it may be closed now */
    pthread_mutex_destroy(&upload->mutex);
    upload_info_done(&upload->info);
    free(upload->response);
    free(upload);
}

/* The same for one that never had the lease. */
static void upload_forget(struct upload *upload)
{
    store_leave(upload->store, upload);
    pthread_mutex_destroy(&upload->mutex);
    upload_info_done(&upload->info);
    free(upload);
}

void upload_close(struct upload *upload)
{
    struct aftermath aftermath = AFTERMATH;

    if (upload == NULL)
        return;

    lease_silence(upload->store->leases, &upload->lease);
    upload_lock(upload);
    assert(upload->ready.call == NULL);
    if (upload_is_quiet(upload))
        aftermath.release = true;
    else
        upload_pursue(upload, GOAL_CLOSE, 0, (struct done){ 0 });
    upload_unlock(upload, &aftermath);
}

void upload_closep(struct upload **upload)
{
    upload_close(*upload);
}

/* ---- the beginning ---- */

/* On a thread of storage, without a lock: the writer gets its upload, or learns why not. */
static void open_answer(struct upload *upload, int r)
{
    struct done done = upload->done;

    upload->done = (struct done){ 0 };
    if (r == 0) {
        *upload->ret_upload = upload;
    } else if (upload->lease_refusal != 0) {
        upload_forget(upload);
    } else {
        upload_release(upload);
    }
    done_call(done, r);
}

static void open_damaged(void *argument, int result)
{
    struct upload *upload = argument;
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    upload->info.state = upload->state = UPLOAD_DAMAGED;
    upload->damaged = upload->damage_recorded = true;
    upload_unlock(upload, &aftermath);
    atomic_fetch_add(&upload->store->damaged_uploads, 1);
    open_answer(upload, result < 0 ? result : 0);
}

/* With the lock, as a newer writer may be ending this one already. */
static void open_begin(struct upload *upload, const struct lookup *lookup)
{
    struct aftermath aftermath = AFTERMATH;
    const struct upload_info *info = &lookup->info;

    upload_lock(upload);
    upload->number = lookup->number;
    upload->info = *info;
    upload->state = info->state;
    upload->expires = info->expires;
    upload->appended = info->appended;
    upload->durable = upload->extent = upload->observed = info->offset;
    upload_forget_rest(upload);
    upload->whole.algorithm = info->kind == UPLOAD_FINAL ? DIGEST_NONE : info->digest_algorithm;
    upload->checkpoint = upload->recorded = lookup->checkpoint;
    upload->damaged = upload->damage_recorded = info->state == UPLOAD_DAMAGED;
    upload_unlock(upload, &aftermath);
}

static int open_lookup(struct upload *upload)
{
    struct lookup lookup;

    int r = store_lookup(upload->store, &upload->lease.id, &lookup);
    if (r != 0)
        return r;

    open_begin(upload, &lookup);
    return 0;
}

struct observation upload_observation(const struct upload *upload)
{
    return (struct observation){
        .id = upload->lease.id,
        .kind = upload->info.kind,
        .state = upload->state,
        .length_known = upload->info.length_known,
        .length = upload->info.length,
        .offset = upload->durable,
    };
}

static void open_run(struct job *job)
{
    struct upload *upload = PART_OF(struct upload, open_job, job);

    int r = upload->lease_refusal;
    if (r == 0)
        r = open_lookup(upload);
    if (r == 0 && !upload->damaged && upload->info.filed)
        r = file_recover(&upload->file, upload->durable);
    if (r != REFUSED_DAMAGED) {
        open_answer(upload, r);
        return;
    }

    upload->change = (struct change){
        .kind = CHANGE_STATE,
        .number = upload->number,
        .about = upload_observation(upload),
        .state = UPLOAD_DAMAGED,
        .finals_expire = store_finals_expire(upload->store),
        .done = { .call = open_damaged, .argument = upload },
    };
    catalog_submit(upload->store->catalog, &upload->change);
}

/* Possibly on the thread of another writer: the answer goes through a thread of ours. */
static void upload_granted(struct lease *lease, int result)
{
    struct upload *upload = PART_OF(struct upload, lease, lease);

    upload->lease_refusal = result;
    (void)workers_submit(upload->store->io, &upload->open_job);
}

/* True: nobody else has the upload. */
static bool open_take(struct upload *upload)
{
    upload->lease.deadline_ms = os.monotonic_ms() + upload->writer.patience_ms;
    return lease_take(upload->store->leases, &upload->lease);
}

/* When nobody holds the lease this thread does the rest, too: no other has to be woken for it. */
static void open_check(struct job *job)
{
    struct upload *upload = PART_OF(struct upload, open_job, job);
    struct lookup lookup = { 0 };

    int r = store_lookup(upload->store, &upload->lease.id, &lookup);
    if (r == 0)
        r = upload->writer.check(upload->writer.check_argument, &lookup.info);
    upload_info_done(&lookup.info);
    if (r != 0) {
        upload->lease_refusal = r;
        open_answer(upload, r);
        return;
    }

    upload->open_job.run = open_run;
    if (open_take(upload))
        open_run(&upload->open_job);
}

/* Under the lock of the leases. */
static void upload_end(struct lease *lease)
{
    struct upload *upload = PART_OF(struct upload, lease, lease);
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    upload->ended = upload->pressed = true;
    upload_advance(upload);
    upload_unlock(upload, &aftermath);
    if (upload->writer.ended != NULL)
        upload->writer.ended(upload->writer.argument);
}

static struct upload *upload_new(struct store *store, const struct upload_id *id)
{
    struct upload *upload = calloc(1, sizeof(*upload));
    if (upload == NULL) {
        (void)fail_errno("memory for upload %s", upload_id_format(id).text);
        return NULL;
    }

    upload->store = store;
    pthread_mutex_init(&upload->mutex, NULL);
    file_init(&upload->file, &store->directory, id);
    upload->room.resume = upload_room_resume;
    upload->buffer_room.resume = upload_buffer_resume;
    upload->lease = (struct lease){ .id = *id, .end = upload_end, .granted = upload_granted };
    return upload;
}

int upload_open(struct store *store, const struct upload_id *id, const struct upload_writer *writer,
                struct upload **ret_upload, struct done done)
{
    struct upload *upload = upload_new(store, id);
    if (upload == NULL)
        return -ENOMEM;

    upload->writer = *writer;
    upload->ret_upload = ret_upload;
    upload->done = done;
    upload->open_job.run = writer->check != NULL ? open_check : open_run;
    store_enter(store, upload);
    if (writer->check != NULL || open_take(upload))
        (void)workers_submit(store->io, &upload->open_job);
    return 0;
}

/* ---- what it is ---- */

const struct upload_info *upload_info(const struct upload *upload)
{
    return &upload->info;
}

/* One number, under the lock; the lock is not a part of what the caller sees as const. */
static uint64_t upload_counter(const struct upload *upload, const uint64_t *counter)
{
    struct upload *locked = (struct upload *)upload;

    pthread_mutex_lock(&locked->mutex);
    uint64_t value = *counter;
    pthread_mutex_unlock(&locked->mutex);
    return value;
}

uint64_t upload_offset(const struct upload *upload)
{
    return upload_counter(upload, &upload->durable);
}

uint64_t upload_received(const struct upload *upload)
{
    return upload_counter(upload, &upload->received);
}

uint64_t upload_database_ns(const struct upload *upload)
{
    return upload_counter(upload, &upload->database_ns);
}

bool upload_ended(const struct upload *upload)
{
    struct upload *locked = (struct upload *)upload;

    pthread_mutex_lock(&locked->mutex);
    bool ended = upload->ended;
    pthread_mutex_unlock(&locked->mutex);
    return ended;
}

int upload_refusal(const struct upload *upload)
{
    if (upload->info.kind == UPLOAD_FINAL)
        return REFUSED_FINAL_UPLOAD;
    switch (upload->state) {
    case UPLOAD_RECEIVING: return 0;
    case UPLOAD_COMPLETE:
    case UPLOAD_VERIFYING: return REFUSED_COMPLETED;
    case UPLOAD_INVALIDATED: return REFUSED_INVALIDATED;
    case UPLOAD_DAMAGED: return REFUSED_DAMAGED;
    case UPLOAD_DELETED: return REFUSED_GONE;
    }
    return 0;
}

/* ---- what its writer wants ---- */

static void upload_want(struct upload *upload, enum goal goal, int verdict, struct done done)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    upload_pursue(upload, goal, verdict, done);
    upload_unlock(upload, &aftermath);
}

void upload_stage(struct upload *upload, enum digest_algorithm algorithm)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    assert(upload->received == upload->durable);
    assert(!upload->hashing);
    upload->staged = true;
    hash_begin_request(upload, algorithm);
    upload_unlock(upload, &aftermath);
}

void upload_verify(struct upload *upload, const struct digest_value *checksum, struct done done)
{
    struct aftermath aftermath = AFTERMATH;

    assert(checksum->algorithm != DIGEST_NONE);
    upload_lock(upload);
    assert(upload->staged);
    upload->checksum = *checksum;
    int refusal = upload_refusal(upload);
    if (refusal == REFUSED_COMPLETED)
        refusal = 0; /* nothing was staged, and that can be verified */
    upload_pursue(upload, GOAL_VERIFY, refusal, done);
    upload_unlock(upload, &aftermath);
}

int upload_set_response(struct upload *upload, struct bytes response)
{
    struct aftermath aftermath = AFTERMATH;

    assert(response.count <= UPLOAD_RESPONSE_BYTES);
    uint8_t *copy = malloc(response.count + 1);
    if (copy == NULL)
        return fail_errno("keep a response");
    memcpy(copy, response.data, response.count);

    upload_lock(upload);
    assert(upload->response == NULL); /* a pass may be using it */
    upload->response = copy;
    upload->response_count = response.count;
    upload_unlock(upload, &aftermath);
    return 0;
}

void upload_commit(struct upload *upload, struct done done)
{
    upload_want(upload, GOAL_COMMIT, 0, done);
}

void upload_unstage(struct upload *upload)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    assert(upload->staged);
    upload->staged = false;
    upload_unlock(upload, &aftermath);
}

void upload_rollback(struct upload *upload, struct done done)
{
    assert(upload->staged);
    upload_want(upload, GOAL_ROLLBACK, 0, done);
}

void upload_finish(struct upload *upload, struct done done)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    int refusal = upload_refusal(upload);
    bool short_of_it = upload->info.length_known && upload->received < upload->info.length;
    if (refusal == 0 && short_of_it)
        refusal = REFUSED_TOO_SHORT;
    if (upload->state == UPLOAD_COMPLETE && upload->received == upload->durable)
        upload_pursue(upload, GOAL_ANSWER, 0, done);
    else
        upload_pursue(upload, GOAL_FINISH, refusal, done);
    upload_unlock(upload, &aftermath);
}

static int length_refusal(const struct upload *upload, uint64_t length)
{
    int refusal = upload_refusal(upload);

    if (upload->info.length_known)
        return length == upload->info.length ? 0 : REFUSED_LENGTH_MISMATCH;
    if (refusal != 0)
        return refusal;
    if (length > INT64_MAX)
        return REFUSED_TOO_LONG;
    return length < upload->received ? REFUSED_TOO_SHORT : 0;
}

void upload_set_length(struct upload *upload, uint64_t length, struct done done)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    int refusal = length_refusal(upload, length);
    bool new = refusal == 0 && !upload->info.length_known;
    bool ends = new && !upload->info.explicit_completion &&length == upload->received;
    upload->stated_length = length;
    upload_pursue(upload, ends ? GOAL_FINISH : new ? GOAL_LENGTH : GOAL_ANSWER, refusal, done);
    upload_unlock(upload, &aftermath);
}

void upload_invalidate(struct upload *upload, struct done done)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    int refusal = upload_refusal(upload);
    if (refusal == REFUSED_INVALIDATED)
        upload_pursue(upload, GOAL_ANSWER, 0, done);
    else
        upload_pursue(upload, refusal == 0 ? GOAL_INVALIDATE : GOAL_ANSWER, refusal, done);
    upload_unlock(upload, &aftermath);
}

void upload_delete(struct upload *upload, struct done done)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    upload_stop(upload, REFUSED_GONE, &aftermath);
    upload_pursue(upload, GOAL_DELETE, 0, done);
    upload_unlock(upload, &aftermath);
}
