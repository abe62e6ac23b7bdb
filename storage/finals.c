/*
 * The order in which a final becomes one file, so that every crash leaves it readable:
 *
 *   1. bytes are copied behind those on record; what a crash left behind them was cut off
 *   2. fdatasync(file); before the first row that counts bytes: fsync(directory)
 *   3. the row: so many are copied; from 1 again until all are
 *   4. the row: its bytes lie in its file, and parts that no other final needs are to be freed; committed
 *   5. unlink(file of such a part), under its lease, so that nobody who opens it misses a file which the
 *      row had promised
 *   6. fsync(directory)
 *   7. the row: the part is freed
 *
 * The final is pinned from before 1 until after 4, so it does not go meanwhile, and its file with it.
 */
#define LOG_MODULE "finals"
#include "storage/finals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "storage/parts.h"
#include "storage/seeded.h"

enum {
    PIECE_BYTES = 1024 * 1024,       /* of memory, to read into */
    PROVE_BYTES = 4 * 1024 * 1024,   /* in one step */
    COPY_BYTES = 8 * 1024 * 1024,    /* in one step */
    RECORD_BYTES = 64 * 1024 * 1024, /* copied between two syncs */
    FREE_COUNT = 128,                /* parts in one step */
};

enum task {
    TASK_NONE,
    TASK_PROVE,
    TASK_COPY,
};

/* One part of a step. */
struct freed {
    struct lookup_entry entry;
    struct lease lease;
    struct change change;
    struct completion completion;
    bool taken, unlinked;
};

struct finals {
    struct store *store;
    struct job job;

    pthread_mutex_t mutex; /* of these */
    pthread_cond_t rested;
    bool queued, poked, stopping;

    /* of the one who works */
    uint64_t prove_after, copy_after, free_after; /* numbers that this round has seen */
    enum task task;
    uint64_t number;
    struct upload_id id;
    struct content *content; /* of the task */
    struct digest digest;
    struct file file; /* the copy */
    uint64_t copied;  /* bytes in it */
    uint64_t recorded;
    bool directory_synced;
    struct freed freed[FREE_COUNT];
    uint8_t piece[PIECE_BYTES];
};

/* ---- rows ---- */

static int finals_change(struct finals *finals, struct change *change)
{
    struct completion completion;

    completion_init(&completion);
    change->done = completion_done(&completion);
    catalog_submit(finals->store->catalog, change);
    return completion_wait(&completion);
}

/* The next one behind a number; false when there is none. */
static bool finals_next(struct finals *finals,
                        int (*look)(struct db *db, uint64_t after, struct lookup_entry *entries,
                                    size_t room, size_t *ret_count),
                        uint64_t *after)
{
    struct lookup_entry entry;
    size_t count = 0;

    struct db *reader = catalog_reader(finals->store->catalog);
    int r = look(reader, *after, &entry, 1, &count);
    catalog_reader_return(finals->store->catalog, reader);
    if (r != 0 || count == 0)
        return false;

    *after = finals->number = entry.number;
    finals->id = entry.id;
    return true;
}

static void task_end(struct finals *finals)
{
    file_close(&finals->file);
    content_close(finals->content);
    finals->content = NULL;
    finals->task = TASK_NONE;
}

/* ---- prove ---- */

static void prove_begin(struct finals *finals)
{
    struct lookup lookup;

    if (store_lookup(finals->store, &finals->id, &lookup) != 0)
        return;
    digest_init(&finals->digest, lookup.info.digest_algorithm);
    upload_info_done(&lookup.info);
    if (store_read(finals->store, &finals->id, true, &finals->content) == 0)
        finals->task = TASK_PROVE;
}

/* Not the want of memory or of a descriptor, which passes. */
static bool disk_is_to_blame(ssize_t result)
{
    return result == 0 || result == -EIO || result == -EUCLEAN || result == -ENOENT ||
           result == -ELOOP;
}

/* All bytes of a final that is verified are there. */
static struct observation finals_observation(const struct finals *finals)
{
    uint64_t length = content_length(finals->content);

    return (struct observation){
        .id = finals->id,
        .kind = UPLOAD_FINAL,
        .length_known = true,
        .length = length,
        .offset = length,
    };
}

/* Bytes are lost: nobody will have them. Anything else the next round tries again. */
static void prove_fail(struct finals *finals, ssize_t result)
{
    struct change change = { .kind = CHANGE_STATE,
                             .number = finals->number,
                             .about = finals_observation(finals),
                             .state = UPLOAD_DAMAGED,
                             .expires = store_finals_expire(finals->store) };

    log_error("a final upload cannot be read id=%s offset=%" PRIu64 ": %s",
              upload_id_format(&finals->id).text, finals->digest.position,
              result < 0 ? strerrordesc_np((int)-result) : "a file has become shorter");
    if (disk_is_to_blame(result) && finals_change(finals, &change) == 0)
        atomic_fetch_add(&finals->store->damaged_uploads, 1);
}

static void prove_end(struct finals *finals)
{
    struct change change = {
        .kind = CHANGE_PROVE,
        .number = finals->number,
        .about = finals_observation(finals),
        .expires = store_finals_expire(finals->store),
    };

    digest_final(&finals->digest, &change.digest);
    int r = finals_change(finals, &change);
    if (r == 0 && !change.proven) {
        atomic_fetch_add(&finals->store->damaged_uploads, 1);
        log_warning("the digest is not the stated one, the files are kept id=%s",
                    upload_id_format(&finals->id).text);
    }
}

/* What was read has no more use than before. */
static void prove_forget(struct finals *finals, uint64_t offset, size_t count)
{
    struct content_span span;

    if (content_span(finals->content, offset, &span) == 0)
        (void)os.posix_fadvise(span.fd, (off_t)span.offset, (off_t)count, POSIX_FADV_DONTNEED);
}

static void prove_step(struct finals *finals)
{
    uint64_t length = content_length(finals->content);
    uint64_t from = finals->digest.position;
    ssize_t count = 1;

    while (finals->digest.position < length && finals->digest.position - from < PROVE_BYTES) {
        uint64_t position = finals->digest.position;
        count = content_read(finals->content, finals->piece, PIECE_BYTES, position, false);
        if (count <= 0)
            break;
        digest_update(&finals->digest, bytes_of(finals->piece, (size_t)count));
        prove_forget(finals, position, (size_t)count);
    }
    if (count <= 0)
        prove_fail(finals, count);
    else if (finals->digest.position == length)
        prove_end(finals);
    if (count <= 0 || finals->digest.position == length)
        task_end(finals);
}

/* ---- copy ---- */

/*
 * Somebody has cut the file, or written another one. The row forgets it before the first byte is copied again:
 * else a crash could leave a file that is as long as the row says, with bytes that never were on the disk.
 */
static int copy_start_over(struct finals *finals)
{
    struct change change = { .kind = CHANGE_COPIED, .number = finals->number };

    log_warning("the copy of a final upload is shorter than its record, it begins again id=%s",
                upload_id_format(&finals->id).text);
    finals->copied = 0;
    return finals_change(finals, &change);
}

/* How far a copy has come, of which all bytes are on the disk. */
static int copy_resume(struct finals *finals)
{
    struct stat about = { 0 };
    struct file *file = &finals->file;

    struct db *reader = catalog_reader(finals->store->catalog);
    int r = lookup_copied(reader, finals->number, &finals->copied);
    catalog_reader_return(finals->store->catalog, reader);
    if (r != 0)
        return r;

    r = file_open(file, 0);
    if (r != 0)
        return r;
    if (os.fstatat(file->fd, "", &about, AT_EMPTY_PATH) < 0)
        return fail_errno("look at the file of upload %s", upload_id_format(&finals->id).text);
    if ((uint64_t)about.st_size < finals->copied)
        r = copy_start_over(finals);
    if (r != 0)
        return r;
    finals->recorded = finals->copied;
    return file_cut(file, finals->copied);
}

/* A copy must not take the room of those who are uploading. */
static bool copy_has_room(struct finals *finals)
{
    uint64_t free_bytes = 0, total_bytes = 0;
    uint64_t length = content_length(finals->content);

    if (directory_space(&finals->store->directory, &free_bytes, &total_bytes) != 0)
        return false;
    uint64_t floor = finals->store->options.min_free_bytes;
    if (free_bytes > floor && free_bytes - floor > length)
        return true;
    log_warning("no room to make one file of a final upload id=%s bytes=%" PRIu64,
                upload_id_format(&finals->id).text, length);
    return false;
}

static void copy_begin(struct finals *finals)
{
    finals->directory_synced = false;
    file_init(&finals->file, &finals->store->directory, &finals->id);
    if (store_read(finals->store, &finals->id, false, &finals->content) != 0)
        return;
    finals->task = TASK_COPY;
    finals->copied = finals->recorded = 0;
    if (content_length(finals->content) > 0 && (!copy_has_room(finals) || copy_resume(finals) != 0))
        task_end(finals);
}

/* Where the kernel has no way of its own. */
static ssize_t copy_by_hand(struct finals *finals, const struct content_span *span, size_t count)
{
    size_t written = 0;

    ssize_t got = os.pread(span->fd, finals->piece, count < PIECE_BYTES ? count : PIECE_BYTES,
                           (off_t)span->offset);
    if (got <= 0)
        return got;
    struct iovec pieces[2] = { { .iov_base = finals->piece, .iov_len = (size_t)got } };
    int r =
        file_write(&finals->file, pieces, finals->copied, finals->copied + (size_t)got, &written);
    if (r != 0)
        errno = r == REFUSED_NO_SPACE ? ENOSPC : -r;
    return r == 0 ? got : -1;
}

/* Shares blocks with the part where the file system can, and copies within the kernel where not. */
static ssize_t copy_some(struct finals *finals, const struct content_span *span)
{
    off_t from = (off_t)span->offset;
    off_t to = (off_t)finals->copied;
    size_t count = span->count < COPY_BYTES ? (size_t)span->count : COPY_BYTES;

    ssize_t copied = os.copy_file_range(span->fd, &from, finals->file.fd, &to, count, 0);
    if (copied < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EXDEV || errno == EINVAL))
        copied = copy_by_hand(finals, span, count);
    return copied;
}

/* Steps 2 and 3. */
static int copy_record(struct finals *finals, enum change_kind kind)
{
    struct change change = { .kind = kind, .number = finals->number, .offset = finals->copied };
    int r = 0;

    if (finals->copied > finals->recorded && !seeded(SEEDED_NO_FDATASYNC_OF_A_COPY))
        r = file_sync(&finals->file);
    if (r == 0 && finals->file.fd >= 0 && !finals->directory_synced)
        r = directory_sync_shard(&finals->store->directory, &finals->id);
    if (r != 0)
        return r;

    finals->directory_synced = true;
    r = finals_change(finals, &change);
    if (r == 0)
        finals->recorded = finals->copied;
    return r;
}

/* Who waits for a range is told of bytes that are lost, and the fdatasync that follows is not: so it counts. */
static int copy_pace_range(struct finals *finals, uint64_t from, uint64_t until, unsigned flags)
{
    if (os.sync_file_range(finals->file.fd, (off_t)from, (off_t)(until - from), flags) == 0 ||
        (errno != EIO && errno != ENOSPC && errno != EDQUOT))
        return 0;
    return fail_errno("copy upload %s", upload_id_format(&finals->id).text);
}

/* At most one step's bytes are on their way to the disk besides those of this one. */
static int copy_pace(struct finals *finals, uint64_t from)
{
    unsigned wait =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

    int r = copy_pace_range(finals, from, finals->copied, SYNC_FILE_RANGE_WRITE);
    if (r == 0 && from > finals->recorded)
        r = copy_pace_range(finals, finals->recorded, from, wait);
    return r;
}

static int copy_piece(struct finals *finals)
{
    struct content_span span;
    uint64_t from = finals->copied;

    int r = content_span(finals->content, from, &span);
    if (r != 0)
        return fail_code(-r, "open a part of upload %s", upload_id_format(&finals->id).text);

    ssize_t copied = copy_some(finals, &span);
    if (copied < 0 && errno == EINTR)
        return 0;
    if (copied < 0)
        return fail_errno("copy upload %s", upload_id_format(&finals->id).text);
    if (copied == 0)
        return fail_code(EIO, "a part of upload %s has become shorter",
                         upload_id_format(&finals->id).text);
    finals->copied += (uint64_t)copied;
    return copy_pace(finals, from);
}

static void copy_step(struct finals *finals)
{
    uint64_t length = content_length(finals->content);
    int r = 0;

    if (finals->copied < length)
        r = copy_piece(finals);
    bool all = finals->copied == length;
    if (r == 0 && all)
        r = copy_record(finals, CHANGE_FILED);
    else if (r == 0 && finals->copied - finals->recorded >= RECORD_BYTES)
        r = copy_record(finals, CHANGE_COPIED);
    if (r == 0 && all)
        log_info("a final upload is one file id=%s bytes=%" PRIu64,
                 upload_id_format(&finals->id).text, length);
    if (r != 0 || all)
        task_end(finals);
}

/* ---- free ---- */

/* Step 5. One that is open is for a later round. */
static void part_unlink(struct finals *finals, struct freed *freed)
{
    struct directory *directory = &finals->store->directory;

    freed->lease = (struct lease){ .id = freed->entry.id };
    freed->taken = lease_try(finals->store->leases, &freed->lease);
    freed->unlinked = false;
    if (!freed->taken)
        return;
    if (os.unlinkat(directory->files_fd, directory_path(&freed->entry.id).text, 0) == 0)
        atomic_fetch_add(&finals->store->deleted_files, 1);
    else if (errno != ENOENT) { /* which a crash may have left */
        (void)fail_errno("unlink upload %s", upload_id_format(&freed->entry.id).text);
        return;
    }
    freed->unlinked = true;
}

/* Step 6: each directory once. */
static void free_sync_directories(struct finals *finals, size_t count)
{
    bool tried[DIRECTORY_SHARDS] = { false };
    int results[DIRECTORY_SHARDS] = { 0 };

    for (size_t i = 0; i < count; i++) {
        struct freed *freed = &finals->freed[i];
        uint8_t shard = freed->entry.id.bytes[0];
        if (!freed->unlinked)
            continue;
        if (!tried[shard])
            results[shard] = directory_sync_shard(&finals->store->directory, &freed->entry.id);
        tried[shard] = true;
        freed->unlinked = results[shard] == 0;
    }
}

/* Step 7, in one transaction. */
static void free_record(struct finals *finals, size_t count)
{
    struct change *changes = NULL;

    for (size_t i = count; i-- > 0;) {
        struct freed *freed = &finals->freed[i];
        if (!freed->unlinked)
            continue;
        completion_init(&freed->completion);
        freed->change = (struct change){
            .kind = CHANGE_FREED,
            .number = freed->entry.number,
            .done = completion_done(&freed->completion),
            .next = changes,
        };
        changes = &freed->change;
    }
    if (changes != NULL)
        catalog_submit_chain(finals->store->catalog, changes);
    for (size_t i = 0; i < count; i++)
        if (finals->freed[i].unlinked)
            (void)completion_wait(&finals->freed[i].completion);
}

static bool free_step(struct finals *finals)
{
    struct lookup_entry entries[FREE_COUNT];
    size_t count = 0;

    struct db *reader = catalog_reader(finals->store->catalog);
    int r = lookup_freed(reader, finals->free_after, entries, FREE_COUNT, &count);
    catalog_reader_return(finals->store->catalog, reader);
    if (r != 0 || count == 0)
        return false;

    finals->free_after = entries[count - 1].number;
    for (size_t i = 0; i < count; i++) {
        finals->freed[i].entry = entries[i];
        part_unlink(finals, &finals->freed[i]);
    }
    free_sync_directories(finals, count);
    free_record(finals, count);
    for (size_t i = 0; i < count; i++)
        if (finals->freed[i].taken)
            lease_release(finals->store->leases, &finals->freed[i].lease);
    return true;
}

/* ---- rounds ---- */

/* One piece; false when this round has nothing more to do. */
static bool finals_step(struct finals *finals)
{
    switch (finals->task) {
    case TASK_PROVE: prove_step(finals); return true;
    case TASK_COPY: copy_step(finals); return true;
    case TASK_NONE: break;
    }
    if (finals_next(finals, lookup_verifying, &finals->prove_after)) {
        prove_begin(finals);
        return true;
    }
    if (finals->store->options.materialise &&
        finals_next(finals, lookup_joined, &finals->copy_after)) {
        copy_begin(finals);
        return true;
    }
    return free_step(finals);
}

static void round_begin(struct finals *finals)
{
    finals->prove_after = finals->copy_after = finals->free_after = 0;
}

void finals_work(struct finals *finals)
{
    round_begin(finals);
    while (finals_step(finals))
        ;
}

/* Whether the job goes on. */
static bool finals_go_on(struct finals *finals, bool more)
{
    pthread_mutex_lock(&finals->mutex);
    if (!more && finals->poked) {
        finals->poked = false;
        round_begin(finals);
        more = true;
    }
    finals->queued = more && !finals->stopping;
    bool queued = finals->queued;
    if (!queued)
        pthread_cond_broadcast(&finals->rested);
    pthread_mutex_unlock(&finals->mutex);
    return queued;
}

static void finals_run(struct job *job)
{
    struct finals *finals = PART_OF(struct finals, job, job);

    if (finals_go_on(finals, finals_step(finals))) /* if not, it may be gone already */
        (void)workers_submit(finals->store->sync, &finals->job);
}

void finals_poke(struct finals *finals)
{
    if (finals->store->options.manual)
        return;
    pthread_mutex_lock(&finals->mutex);
    bool idle = !finals->queued && !finals->stopping;
    finals->poked = !idle;
    if (idle) {
        finals->queued = true;
        round_begin(finals);
    }
    pthread_mutex_unlock(&finals->mutex);
    if (idle)
        (void)workers_submit(finals->store->sync, &finals->job);
}

struct finals *finals_new(struct store *store)
{
    struct finals *finals = calloc(1, sizeof(*finals));
    if (finals == NULL) {
        (void)fail_errno("memory for final uploads");
        return NULL;
    }

    finals->store = store;
    finals->file.fd = -1;
    finals->job.run = finals_run;
    pthread_mutex_init(&finals->mutex, NULL);
    pthread_cond_init(&finals->rested, NULL);
    return finals;
}

void finals_free(struct finals *finals)
{
    if (finals == NULL)
        return;

    pthread_mutex_lock(&finals->mutex);
    finals->stopping = true;
    while (finals->queued)
        pthread_cond_wait(&finals->rested, &finals->mutex);
    pthread_mutex_unlock(&finals->mutex);
    task_end(finals);
    pthread_mutex_destroy(&finals->mutex);
    pthread_cond_destroy(&finals->rested);
    free(finals);
}
