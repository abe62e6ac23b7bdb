/*
 * The hash lane: digests of bytes that are in the file
 *
 * Two digests follow the bytes of an upload: the running one of the whole, which a checkpoint in the
 * row carries from one opening to the next, and the one of a request that is staged. The lane runs
 * behind the write lane, over the same bytes of the buffer, while that writes the next ones:
 *
 *     received  >=  written  >=  hashed        room is what is free behind hashed
 *
 * Invariants:
 *
 *   1. Only bytes that are in the file are hashed: so the digest of an upload whose disk was full
 *      is the one of the prefix that fitted.
 *   2. upload->checkpoint is where the running digest was after the lane's last run. A row never
 *      gets one beyond its offset; the bytes between the two are in the file.
 *   3. What a digest has missed it reads from the file, a limited piece in each run: the bytes
 *      behind the last checkpoint, or those of a request whose algorithm was told in the end.
 *   4. Bytes that are taken back take the running digest back to the checkpoint on record.
 *   5. Both digests are the lane's own while it runs; when it does not, they are under the lock.
 *   6. Without a digest to compute hashed is written, and the lane never runs.
 */
#define LOG_MODULE "hash"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/refusal.h"
#include "storage/parts.h"
#include "storage/seeded.h"

enum {
    READ_BYTES = 64 * 1024,
    RUN_BYTES = 4 * 1024 * 1024, /* read in one run: others wait for the worker */
};

/* Which byte comes next. */
static uint64_t hash_at(const struct hash *hash)
{
    return hash->from + hash->digest.position;
}

bool upload_hashes(const struct upload *upload)
{
    return !upload->hash_failed &&
           (upload->whole.algorithm != DIGEST_NONE || upload->request.algorithm != DIGEST_NONE);
}

/* ---- when the lane has something to do ---- */

/* It has read for a whole run and is not through. */
static bool hash_is_reading(const struct upload *upload, const struct hash *hash)
{
    return hash->algorithm != DIGEST_NONE && hash->begun && hash_at(hash) < upload->hashed;
}

/* Nobody waits for a long reading: not who comes next for the upload, and not its last pass. */
static bool hash_gives_up(const struct upload *upload)
{
    bool reading =
        hash_is_reading(upload, &upload->whole) || hash_is_reading(upload, &upload->request);

    return reading && (upload->ended || upload->goal == GOAL_CLOSE);
}

/* wanted: there is a goal that asks for this digest. */
static bool hash_is_behind(const struct upload *upload, const struct hash *hash, bool wanted)
{
    bool behind = !hash->begun || hash_at(hash) < upload->written;

    return hash->algorithm != DIGEST_NONE && behind && (wanted || upload->hashed < upload->written);
}

/* The algorithm of the checksum is another one, or was not known. */
static bool hash_must_begin_again(const struct upload *upload)
{
    return upload->goal == GOAL_VERIFY && upload->request.algorithm != upload->checksum.algorithm;
}

static bool hash_is_due(const struct upload *upload)
{
    bool sound = upload->failure == 0 && upload->verdict == 0;
    bool finish = sound && upload->goal == GOAL_FINISH;
    bool verify = sound && upload->goal == GOAL_VERIFY;

    if (upload->hashing || upload->stopped || upload->hash_failed || hash_gives_up(upload))
        return false;
    return (verify && hash_must_begin_again(upload)) ||
           hash_is_behind(upload, &upload->whole, finish) ||
           hash_is_behind(upload, &upload->request, verify);
}

bool upload_is_hashed(const struct upload *upload)
{
    return !upload->hashing && !hash_is_due(upload);
}

bool hash_take(struct upload *upload)
{
    if (!hash_is_due(upload))
        return false;
    upload->hashing = true;
    return true;
}

/* ---- where digests begin ---- */

void hash_begin_request(struct upload *upload, enum digest_algorithm algorithm)
{
    upload->request = (struct hash){
        .algorithm = algorithm,
        .from = upload->durable,
        .begun = true,
    };
    digest_init(&upload->request.digest, algorithm);
}

void hash_go_back(struct upload *upload)
{
    assert(!upload->hashing);
    upload->checkpoint = upload->recorded;
    if (seeded(SEEDED_DIGEST_KEPT_AT_ROLLBACK))
        upload->whole.digest.position = upload->durable;
    else
        upload->whole.begun = false;
    hash_begin_request(upload, upload->request.algorithm);
}

/* At the checkpoint on record, or, where that is of no use, at the first byte. */
static void hash_begin_whole(struct upload *upload)
{
    const struct digest_checkpoint *recorded = &upload->recorded;
    struct hash *whole = &upload->whole;

    whole->begun = true;
    if (digest_restore(&whole->digest, whole->algorithm,
                       bytes_of(recorded->bytes, recorded->count)) &&
        whole->digest.position <= upload->durable)
        return;
    log_warning(
        "the checkpoint of the digest is of no use: hashing from the start id=%s "
        "offset=%" PRIu64,
        upload_id_format(&upload->info.id).text, upload->durable);
    digest_init(&whole->digest, whole->algorithm);
}

/* ---- a run of the lane ---- */

/* Reads on from where the digest is, towards an offset. Without the lock. */
static int hash_read(struct upload *upload, struct hash *hash, uint64_t until)
{
    uint8_t memory[READ_BYTES];
    AUTO_CLOSE int fd = -1;
    int r = 0;

    if (hash->algorithm == DIGEST_NONE || hash_at(hash) >= until)
        return 0;
    if (until - hash_at(hash) > RUN_BYTES)
        until = hash_at(hash) + RUN_BYTES;

    r = file_open_read(&upload->file, &fd);
    while (r == 0 && hash_at(hash) < until) {
        uint64_t left = until - hash_at(hash);
        size_t count = left < sizeof(memory) ? (size_t)left : sizeof(memory);
        r = file_read(&upload->file, fd, hash_at(hash), memory, count);
        if (r == 0)
            digest_update(&hash->digest, bytes_of(memory, count));
    }
    return r;
}

static bool hash_is_level(const struct hash *hash, uint64_t hashed)
{
    assert(hash->algorithm == DIGEST_NONE || hash_at(hash) <= hashed);
    return hash->algorithm == DIGEST_NONE || hash_at(hash) == hashed;
}

static void hash_pieces(struct upload *upload, const struct iovec pieces[2])
{
    for (int i = 0; i < 2 && pieces[i].iov_len > 0; i++) {
        struct bytes bytes = bytes_of(pieces[i].iov_base, pieces[i].iov_len);
        digest_update(&upload->whole.digest, bytes);
        digest_update(&upload->request.digest, bytes);
    }
}

/* The file has lost bytes when they cannot be read; all else is for this writer alone. */
static void hash_fail(struct upload *upload, int r, struct aftermath *aftermath)
{
    if (r == REFUSED_DAMAGED || r == -EIO) {
        upload_damage(upload, r, aftermath);
        return;
    }
    if (upload->failure == 0)
        upload->failure = r;
    upload->hash_failed = true; /* the next opening goes on from the last checkpoint */
    upload->hashed = upload->written;
}

/* Called and returns with the lock held, as all of a run but its reading and hashing is under it. */
static int hash_written(struct upload *upload)
{
    struct iovec pieces[2];

    if (!upload->whole.begun)
        hash_begin_whole(upload);
    if (hash_must_begin_again(upload))
        hash_begin_request(upload, upload->checksum.algorithm);
    uint64_t hashed = upload->hashed, written = upload->written;
    buffer_pieces(upload, hashed, written, pieces);
    pthread_mutex_unlock(&upload->mutex);

    int r = hash_read(upload, &upload->whole, hashed);
    if (r == 0)
        r = hash_read(upload, &upload->request, hashed);
    bool level =
        r == 0 && hash_is_level(&upload->whole, hashed) && hash_is_level(&upload->request, hashed);
    if (level)
        hash_pieces(upload, pieces);

    upload_lock(upload);
    if (!upload->stopped) {
        digest_checkpoint(&upload->whole.digest, &upload->checkpoint);
        upload->hashed = level ? written : hashed;
    }
    return r;
}

void upload_hash_run(struct job *job)
{
    struct upload *upload = PART_OF(struct upload, hash_job, job);
    struct aftermath aftermath = AFTERMATH;

    upload_lock(upload);
    /* what a digest has seen already may have been given up while the job was on its way */
    int r = upload->stopped ? 0 : hash_written(upload);
    upload->hashing = false;
    if (r != 0)
        hash_fail(upload, r, &aftermath);
    upload_settle(upload, &aftermath);
    upload_advance(upload);
    upload_unlock(upload, &aftermath);
}

/* ---- what comes of it ---- */

struct digest_value hash_digest(const struct upload *upload)
{
    struct digest copy = upload->whole.digest;
    struct digest_value value = { .algorithm = DIGEST_NONE };

    if (upload->whole.algorithm != DIGEST_NONE)
        digest_final(&copy, &value);
    return value;
}

bool hash_is_whole(const struct upload *upload)
{
    return hash_is_level(&upload->whole, upload->written);
}

int hash_judge(const struct upload *upload)
{
    if (upload->pass == GOAL_FINISH)
        return hash_is_whole(upload) ? 0 : REFUSED_ENDED;
    if (upload->pass != GOAL_VERIFY)
        return 0;
    if (hash_at(&upload->request) != upload->written)
        return REFUSED_ENDED;

    struct digest copy = upload->request.digest;
    struct digest_value value;
    digest_final(&copy, &value);
    return digest_value_equal(&value, &upload->checksum) ? 0 : REFUSED_CHECKSUM_MISMATCH;
}
