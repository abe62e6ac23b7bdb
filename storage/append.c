/*
 * Appending: from the writer's memory through the buffer into the file
 *
 * The buffer is a ring. The writer fills it between received and hashed + its size, the write
 * lane takes what is between written and received, the hash lane what is between hashed and written;
 * none touches another's part, so the lanes work without the lock. Buffers count against a bound of
 * the store and are held only while bytes are on their way.
 */
#define LOG_MODULE "upload"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "storage/parts.h"

enum {
    FLOW_BYTES = 48 * 1024, /* a piece: nearly what the first read of a body gives, server/loop.c */
};

/* ---- the buffer ---- */

static size_t buffer_room(const struct upload *upload)
{
    return upload->buffer_bytes - (size_t)(upload->received - upload->hashed);
}

/* False: the bound is reached, and the waiter, if any, is queued. */
static bool buffer_take(struct upload *upload, struct bound_waiter *waiter,
                        struct aftermath *aftermath)
{
    if (upload->buffer != NULL)
        return true;
    if (!bound_take(&upload->store->buffers, upload->buffer_bytes, waiter))
        return false;

    upload->buffer_unused = true;
    upload->buffer = malloc(upload->buffer_bytes);
    if (upload->buffer == NULL) {
        upload->failure = fail_errno("memory for the buffer of an upload");
        aftermath->buffers += upload->buffer_bytes;
    }
    return true;
}

void buffer_drop(struct upload *upload, struct aftermath *aftermath)
{
    if (upload->buffer == NULL)
        return;
    assert(!upload->writing);
    assert(!upload->hashing);
    upload->hashed = upload->written; /* a digest that has missed some can read them */
    free(upload->buffer);
    upload->buffer = NULL;
    aftermath->buffers += upload->buffer_bytes;
}

/* Behind received; there is room. */
static void buffer_fill(struct upload *upload, struct bytes bytes)
{
    size_t at = (size_t)(upload->received % upload->buffer_bytes);
    size_t left = upload->buffer_bytes - at;
    size_t first = bytes.count < left ? bytes.count : left;

    memcpy(upload->buffer + at, bytes.data, first);
    memcpy(upload->buffer, bytes.data + first, bytes.count - first);
    upload->received += bytes.count;
}

void buffer_pieces(const struct upload *upload, uint64_t from, uint64_t until,
                   struct iovec ret_pieces[2])
{
    size_t count = (size_t)(until - from);
    size_t at = count > 0 ? (size_t)(from % upload->buffer_bytes) : 0;
    size_t left = upload->buffer_bytes - at;
    size_t first = count < left ? count : left;
    uint8_t *begin = count > 0 ? upload->buffer + at : NULL; /* without bytes maybe no buffer */

    ret_pieces[0] = (struct iovec){ .iov_base = begin, .iov_len = first };
    ret_pieces[1] = (struct iovec){ .iov_base = upload->buffer, .iov_len = count - first };
}

/* For what is held and for so many more. */
static size_t buffer_wanted(const struct upload *upload, size_t count)
{
    size_t held = (size_t)(upload->received - upload->hashed);
    size_t bytes = LEAST_BUFFER_BYTES;

    if (count >= FLOW_BYTES)
        return BUFFER_BYTES;
    while (bytes < held + count && bytes < SMALL_BUFFER_BYTES)
        bytes *= 2;
    /* for many at a time it is the whole one: one half is written while the other is filled */
    return bytes > SMALL_BUFFER_BYTES / 4 ? SMALL_BUFFER_BYTES : bytes;
}

/* Not while a lane is in it, and not where memory is short: then there is room when it has been written. */
static void buffer_grow(struct upload *upload, size_t bytes, struct aftermath *aftermath)
{
    struct bound *buffers = &upload->store->buffers;
    uint8_t *old = upload->buffer;
    struct iovec held[2];

    if (bytes <= upload->buffer_bytes || upload->writing || upload->hashing ||
        !bound_take(buffers, bytes, NULL))
        return;
    uint8_t *larger = malloc(bytes);
    if (larger == NULL) {
        aftermath->buffers += bytes;
        return;
    }

    buffer_pieces(upload, upload->hashed, upload->received, held);
    aftermath->buffers += upload->buffer_bytes;
    upload->buffer = larger;
    upload->buffer_bytes = bytes;
    upload->received = upload->hashed;
    for (size_t i = 0; i < 2 && held[i].iov_len > 0; i++)
        buffer_fill(upload, bytes_of(held[i].iov_base, held[i].iov_len));
    free(old);
}

/* ---- the writer's side ---- */

/* Why no more bytes are taken, or 0. */
static int append_refusal(const struct upload *upload)
{
    if (upload->ended)
        return REFUSED_ENDED;
    return upload->failure != 0 ? upload->failure : upload_refusal(upload);
}

static int append_check(const struct upload *upload, size_t count)
{
    int r = append_refusal(upload);
    if (r != 0)
        return r;

    uint64_t most = upload->info.length_known ? upload->info.length : INT64_MAX;
    return count > most - upload->received ? REFUSED_TOO_LONG : 0;
}

/* As many as there is room for. */
static size_t append_fill(struct upload *upload, struct bytes bytes, struct aftermath *aftermath)
{
    struct store *store = upload->store;

    if (buffer_room(upload) < bytes.count)
        buffer_grow(upload, buffer_wanted(upload, bytes.count), aftermath);
    if (buffer_room(upload) < bytes.count)
        bytes.count = buffer_room(upload);
    if (upload->received == upload->synced)
        upload->dirty_since_ms = os.monotonic_ms();
    buffer_fill(upload, bytes);
    atomic_store(&upload->due_ms, 0);
    upload->buffer_unused = false;
    if (upload->flows || upload->received - upload->synced >= store->options.commit_soon_bytes)
        group_hasten(upload->group);
    return bytes.count;
}

int upload_append(struct upload *upload, struct bytes bytes, size_t *ret_taken)
{
    struct aftermath aftermath = AFTERMATH;
    size_t taken = 0;

    upload_lock(upload);
    assert(upload->goal == GOAL_NONE);
    int r = append_check(upload, bytes.count);
    if (upload->buffer == NULL)
        upload->buffer_bytes = buffer_wanted(upload, bytes.count);
    if (r == 0 && bytes.count > 0 && buffer_take(upload, NULL, &aftermath))
        r = upload->failure;
    if (r == 0 && upload->buffer != NULL) {
        upload->flows = bytes.count >= FLOW_BYTES;
        taken = append_fill(upload, bytes, &aftermath);
        upload_advance(upload);
    }
    upload_unlock(upload, &aftermath);
    if (r != 0)
        return r;

    *ret_taken = taken;
    return 0;
}

/* ---- waiting for room ---- */

static void ready_take(struct upload *upload, struct aftermath *aftermath)
{
    aftermath->ready = upload->ready;
    aftermath->readiness = append_refusal(upload);
    upload->ready = (struct done){ 0 };
}

static void ready_run(struct job *job)
{
    struct upload *upload = PART_OF(struct upload, ready_job, job);
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    ready_take(upload, &aftermath);
    upload_unlock(upload, &aftermath);
}

void ready_answer(struct upload *upload)
{
    upload->ready_waiting = false;
    upload->ready_job.run = ready_run;
    (void)workers_submit(upload->store->io, &upload->ready_job);
}

void upload_buffer_resume(struct bound_waiter *waiter)
{
    struct upload *upload = PART_OF(struct upload, buffer_room, waiter);
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    if (buffer_take(upload, waiter, &aftermath))
        ready_answer(upload);
    upload_unlock(upload, &aftermath);
}

void upload_when_ready(struct upload *upload, struct done done)
{
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    assert(upload->ready.call == NULL);
    upload->ready = done;
    /* with a buffer it is a lane that makes room, without one the bound that gives it */
    bool filled = upload->buffer != NULL && buffer_room(upload) == 0;
    if (append_refusal(upload) != 0 ||
        (!filled && buffer_take(upload, &upload->buffer_room, &aftermath)))
        ready_answer(upload);
    else if (!filled)
        store_press(upload->store); /* others may hold what they gather */
    upload->ready_waiting = filled && append_refusal(upload) == 0;
    upload_advance(upload); /* what is there is gathered no more */
    upload_unlock(upload, &aftermath);
}

/* It holds nothing, and no lane is in it. */
static bool buffer_is_spent(const struct upload *upload)
{
    return !upload->writing && !upload->hashing && upload->received == upload->written &&
           upload->hashed == upload->written;
}

void buffer_give_back(struct upload *upload, struct aftermath *aftermath)
{
    bool large = upload->buffer_bytes == BUFFER_BYTES; /* a small one makes room for such a one */
    bool flows = upload->flows && large && !bound_pressed(&upload->store->buffers);
    bool keep = (flows || upload->buffer_unused) && upload->failure == 0;

    if (!keep && buffer_is_spent(upload))
        buffer_drop(upload, aftermath);
}

void upload_settle(struct upload *upload, struct aftermath *aftermath)
{
    buffer_give_back(upload, aftermath);
    bool room = upload->buffer == NULL || buffer_room(upload) > 0;
    if (upload->ready_waiting && (room || append_refusal(upload) != 0)) {
        upload->ready_waiting = false;
        ready_take(upload, aftermath);
    }
}

/* ---- the write lane ---- */

/* The file could be opened, or not: a missing one is damage, all else is for this writer alone. */
static void write_opened(struct upload *upload, int r, struct aftermath *aftermath)
{
    if (r == REFUSED_DAMAGED)
        upload_damage(upload, r, aftermath);
    else if (r != 0 && upload->failure == 0)
        upload->failure = r;
}

/* The kernel took none of the bytes, and lost none. */
static bool write_was_refused(int r)
{
    return r == -ENOMEM || r == -EFBIG || r == -EAGAIN || r == -EINVAL;
}

static void write_written(struct upload *upload, int r, size_t count, struct aftermath *aftermath)
{
    uint64_t end = upload->write_offset + count;

    if (end > upload->extent)
        upload->extent = end;
    if (!upload->stopped && count > 0) {
        upload->written = end;
        upload->taken_ms = upload->write_ms;
        if (!upload_hashes(upload))
            upload->hashed = end;
        bound_force(&upload->store->dirty, count);
    }
    if (r < 0 && write_was_refused(r))
        upload_stop(upload, r, aftermath); /* the close cuts what durable does not count */
    else if (r < 0)
        upload_damage(upload, r, aftermath);
    else if (r > 0 && upload->failure == 0)
        upload->failure = r; /* the prefix that fitted goes on to be durable */
}

void upload_write_run(struct job *job)
{
    struct upload *upload = PART_OF(struct upload, write_job, job);
    struct aftermath aftermath = AFTERMATH;
    struct iovec pieces[2];
    size_t count = 0;

    upload_lock(upload);
    buffer_pieces(upload, upload->written, upload->received, pieces);
    upload->write_offset = upload->written;
    upload->write_ms = os.monotonic_ms();
    uint64_t limit = upload->info.length_known ? upload->info.length : UINT64_MAX;
    bool open = upload->file.fd >= 0;
    pthread_mutex_unlock(&upload->mutex);

    int opened = open ? 0 : file_open(&upload->file, upload->write_offset);
    int written = 0;
    if (opened == 0)
        written = file_write(&upload->file, pieces, upload->write_offset, limit, &count);

    upload_lock(upload);
    upload->writing = false;
    write_opened(upload, opened, &aftermath);
    write_written(upload, written, count, &aftermath);
    if (upload->failure != 0)
        upload->received = upload->written; /* the rest has no place to go */
    upload_settle(upload, &aftermath);
    if (!upload->syncing)
        upload_close_file(upload, &aftermath); /* when nothing of it could be written */
    bool hash = hash_take(upload);
    upload_advance(upload);
    upload_unlock(upload, &aftermath);

    if (hash)
        upload_hash_run(&upload->hash_job); /* while the next worker writes on */
}
