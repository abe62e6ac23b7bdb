#include "tests/storage/life.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/refusal.h"
#include "digest/digest.h"
#include "storage/blocking.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

enum {
    BIG_BYTES = 600000, /* more than half a buffer, which is written at a time */
    SMALL_BYTES = 5000,
    EXPIRE_AFTER_S = 100,
};

static atomic_uint_fast64_t life_clock_ms;

static int64_t life_realtime_s(void)
{
    return 1700000000 + (int64_t)(atomic_load(&life_clock_ms) / 1000);
}

static uint64_t life_monotonic_ms(void)
{
    return atomic_load(&life_clock_ms);
}

static void life_sleep(uint64_t seconds)
{
    atomic_fetch_add(&life_clock_ms, seconds * 1000);
}

/* ---- what is done, each noting what was promised ---- */

static struct promise *do_create(struct store *store, struct promise *promise, bool length_known)
{
    struct upload_creation creation = {
        .digest_algorithm = length_known ? DIGEST_BLAKE2B : DIGEST_SHA256,
        .length_known = length_known,
        .length = length_known ? BIG_BYTES + SMALL_BYTES : 0,
        .metadata = bytes_of_text("filename bWUudHh0"),
    };

    if (upload_create_wait(store, &creation, &promise->id) == 0)
        promise->created = true;
    return promise;
}

static int check_offset(void *argument, const struct upload_info *info)
{
    const struct promise *promise = argument;
    assert_true(info->offset >= promise->offset);
    return 0;
}

static struct upload *do_open(struct store *store, struct promise *promise)
{
    struct upload_writer writer = { .check = check_offset, .check_argument = promise };
    struct upload *upload = NULL;

    if (promise->created)
        (void)upload_open_wait(store, &promise->id, &writer, &upload);
    if (upload != NULL && upload_info(upload)->state == UPLOAD_DAMAGED)
        promise->damaged = true;
    return upload;
}

static void note_offset(struct upload *upload, struct promise *promise)
{
    uint64_t offset = upload_offset(upload);

    assert_true(offset >= promise->offset);
    promise->offset = offset;
}

static void do_append(struct upload *upload, struct promise *promise, size_t count)
{
    if (upload == NULL)
        return;
    (void)append_flowing(upload, count);
    note_offset(upload, promise);
}

static void do_commit(struct upload *upload, struct promise *promise)
{
    if (upload == NULL)
        return;
    uint64_t received = upload_received(upload);
    int r = upload_commit_wait(upload);
    if (r == 0)
        assert_int_equal(upload_offset(upload), received);
    note_offset(upload, promise);
}

static void do_finish(struct upload *upload, struct promise *promise)
{
    if (upload == NULL)
        return;
    if (upload_finish_wait(upload) == 0)
        promise->complete = true;
    note_offset(upload, promise);
}

static void do_delete(struct upload *upload, struct promise *promise)
{
    if (upload == NULL)
        return;
    promise->deletion_asked = true;
    if (upload_delete_wait(upload) == 0)
        promise->deleted = true;
}

static void do_find(struct store *store, struct promise *promise)
{
    struct upload_info info = { 0 };

    if (!promise->created)
        return;
    int r = upload_find_wait(store, &promise->id, &info);
    if (r == 0) {
        assert_false(promise->deleted);
        assert_true(info.offset >= promise->offset);
        promise->offset = info.offset;
        upload_info_done(&info);
    } else if (r > 0) {
        assert_true(promise->deletion_asked || promise->expired);
    }
}

static void do_read(struct store *store, struct promise *promise)
{
    struct content *content;

    if (promise->complete && upload_read_wait(store, &promise->id, &content) == 0)
        content_close(content);
}

/* ---- lives ---- */

/* Interrupted, taken over, resumed, finished, read. */
static void live_to_the_end(struct store *store, struct promise *promise)
{
    struct upload *upload = do_open(store, do_create(store, promise, true));
    do_append(upload, promise, SMALL_BYTES);
    do_commit(upload, promise);
    do_append(upload, promise, BIG_BYTES / 2);
    upload_close(upload); /* vanished */

    upload = do_open(store, promise);
    if (upload != NULL) {
        note_offset(upload, promise);
        do_append(upload, promise, (size_t)(BIG_BYTES + SMALL_BYTES - upload_offset(upload)));
    }
    do_finish(upload, promise);
    upload_close(upload);
    do_find(store, promise);
    do_read(store, promise);
}

static void live_and_be_deleted(struct store *store, struct promise *promise)
{
    struct upload *upload = do_open(store, do_create(store, promise, false));
    do_append(upload, promise, BIG_BYTES);
    do_commit(upload, promise);
    do_delete(upload, promise);
    upload_close(upload);
    do_find(store, promise);
}

/* Wrong bytes under a checksum that is known before; true when they are gone. */
static bool do_stage_wrong(struct upload *upload)
{
    const struct digest_value checksum = { .algorithm = DIGEST_SHA1 };

    upload_stage(upload, DIGEST_SHA1);
    (void)upload_append_wait(upload, bytes_of_text("these bytes are not the pattern"));
    assert_int_not_equal(upload_verify_wait(upload, &checksum), 0);
    return upload_rollback_wait(upload) == 0;
}

/* Right bytes under a checksum that is told in the end: they are read again. */
static void do_stage(struct upload *upload, struct promise *promise)
{
    uint64_t offset = upload_offset(upload);
    struct digest digest;
    struct digest_value checksum;

    do_append(upload, promise, SMALL_BYTES);
    digest_init(&digest, DIGEST_MD5);
    for (; offset < upload_received(upload); offset++)
        digest_update(&digest, bytes_of(&(uint8_t){ pattern(offset) }, 1));
    digest_final(&digest, &checksum);
    int r = upload_verify_wait(upload, &checksum);
    assert_int_not_equal(r, REFUSED_CHECKSUM_MISMATCH);
    if (r == 0)
        do_commit(upload, promise);
}

static void live_with_checksums(struct store *store, struct promise *promise)
{
    struct upload *upload = do_open(store, do_create(store, promise, false));
    do_append(upload, promise, SMALL_BYTES);
    do_commit(upload, promise);
    if (upload != NULL && upload_received(upload) == upload_offset(upload)) {
        if (do_stage_wrong(upload))
            do_stage(upload, promise);
    }
    upload_close(upload);
}

static void live_by_rules(struct store *store, struct promise *promise)
{
    struct upload *upload = do_open(store, do_create(store, promise, false));
    if (upload == NULL)
        return;
    do_append(upload, promise, SMALL_BYTES);
    (void)upload_set_length_wait(upload, BIG_BYTES + SMALL_BYTES);
    (void)upload_invalidate_wait(upload);
    upload_close(upload);
}

/* Commits by age, while nobody waits for it. */
static void live_slowly(struct store *store, struct promise *promise)
{
    struct upload *upload = do_open(store, do_create(store, promise, false));
    for (int i = 0; i < 2; i++) {
        do_append(upload, promise, SMALL_BYTES);
        life_sleep(31);
        store_tick(store);
    }
    do_commit(upload, promise);
    upload_close(upload);
}

/* For the dirty bytes to become so many, or for a while: what fails has none. */
static void wait_until_dirty(struct store *store, uint64_t count)
{
    for (int i = 0; i < 30 && store_statistics(store).dirty_bytes != count; i++)
        usleep(1000);
}

/* Asked for at once, and all answered. */
static void commit_together(struct upload **uploads, struct promise *promises)
{
    struct completion completions[LIFE_TOGETHER];

    for (int i = 0; i < LIFE_TOGETHER; i++) {
        do_append(uploads[i], &promises[i], SMALL_BYTES);
        completion_init(&completions[i]);
        if (uploads[i] != NULL)
            upload_commit(uploads[i], completion_done(&completions[i]));
    }
    for (int i = 0; i < LIFE_TOGETHER; i++) {
        if (uploads[i] == NULL)
            continue;
        if (completion_wait(&completions[i]) == 0)
            assert_int_equal(upload_offset(uploads[i]), upload_received(uploads[i]));
        note_offset(uploads[i], &promises[i]);
    }
}

/* Commits of some at once, by age and by request. */
static void live_together(struct store *store, struct promise *promises)
{
    struct upload *uploads[LIFE_TOGETHER];

    for (int i = 0; i < LIFE_TOGETHER; i++) {
        uploads[i] = do_open(store, do_create(store, &promises[i], false));
        do_append(uploads[i], &promises[i], SMALL_BYTES);
    }
    wait_until_dirty(store, (uint64_t)LIFE_TOGETHER * SMALL_BYTES);
    life_sleep(31);
    store_tick(store);
    wait_until_dirty(store, 0);
    for (int i = 0; i < LIFE_TOGETHER; i++)
        if (uploads[i] != NULL)
            note_offset(uploads[i], &promises[i]);
    commit_together(uploads, promises);
    for (int i = 0; i < LIFE_TOGETHER; i++)
        upload_close(uploads[i]);
}

/* ---- joined ---- */

static int do_fill_part(struct store *store, const struct upload_id *id, uint64_t from)
{
    struct upload_writer writer = { 0 };
    struct upload *upload = NULL;
    uint8_t bytes[SMALL_BYTES];

    for (size_t i = 0; i < SMALL_BYTES; i++)
        bytes[i] = pattern(from + i);
    int r = upload_open_wait(store, id, &writer, &upload);
    if (r != 0)
        return r;
    r = upload_append_wait(upload, bytes_of(bytes, SMALL_BYTES));
    if (r == 0)
        r = upload_finish_wait(upload);
    upload_close(upload);
    return r;
}

/* One part before the final is made, one after it; then it is proven and becomes one file. */
static void live_joined(struct store *store, struct joined *joined)
{
    const struct upload_creation creation = { .kind = UPLOAD_PARTIAL };
    struct upload_concatenation concatenation = { .parts = joined->parts,
                                                  .part_count = 2,
                                                  .stated.algorithm = DIGEST_SHA256 };
    struct upload_id id;
    struct digest digest;

    digest_init(&digest, DIGEST_SHA256);
    for (uint64_t i = 0; i < 2 * SMALL_BYTES; i++)
        digest_update(&digest, bytes_of(&(uint8_t){ pattern(i) }, 1));
    digest_final(&digest, &concatenation.stated);
    for (int i = 0; i < 2; i++)
        if (upload_create_wait(store, &creation, &joined->parts[i]) != 0)
            return;
    bool first = do_fill_part(store, &joined->parts[0], 0) == 0;
    if (upload_concatenate_wait(store, &concatenation, &id) != 0)
        return;
    joined->final = id;
    joined->joined = true;
    joined->complete = do_fill_part(store, &joined->parts[1], SMALL_BYTES) == 0 && first;
    (void)store_sweep(store);
}

void life_run(struct life *life, const struct store_options *options)
{
    struct store_options expiring = *options;
    struct store *store = NULL;

    atomic_store(&life_clock_ms, 1000000);
    os.realtime_s = life_realtime_s;
    os.monotonic_ms = life_monotonic_ms;
    expiring.expire_after_s = EXPIRE_AFTER_S;
    expiring.materialise = true;
    expiring.commit_together = 2;
    if (store_open(&expiring, &store) != 0)
        return;
    life->opened = true;

    struct promise *promises = life->promises;
    live_to_the_end(store, &promises[0]);
    live_and_be_deleted(store, &promises[1]);
    live_with_checksums(store, &promises[2]);
    (void)store_sweep(store);

    for (int i = 0; i < 3; i++)
        promises[i].expired = !promises[i].complete;
    for (int i = 0; i < 2; i++) {
        life_sleep(EXPIRE_AFTER_S / 2 + 1);
        (void)store_sweep(store);
    }
    do_find(store, &promises[2]);

    live_by_rules(store, &promises[3]);
    live_slowly(store, &promises[4]);
    do_create(store, &promises[5], true);
    live_together(store, &promises[8]);
    store_close(store);

    store = NULL;
    expiring.file_count = 1; /* few: bytes that trickle wait in memory for their commit */
    if (store_open(&expiring, &store) != 0)
        return;
    for (int i = 0; i < LIFE_UPLOADS; i++)
        do_find(store, &promises[i]);
    live_to_the_end(store, &promises[6]);
    live_slowly(store, &promises[7]);
    live_joined(store, &life->joined);
    store_close(store);
    life->finished = true;
}

/* ---- what must be true ---- */

static void check_digest(const struct upload_info *info, struct digest *digest)
{
    struct digest_value value;

    if (info->state != UPLOAD_COMPLETE)
        return;
    digest_final(digest, &value);
    assert_true(digest_value_equal(&value, &info->digest));
}

static void check_bytes(const struct store_options *options, const struct upload_info *info)
{
    char path[200];
    uint8_t bytes[8192];
    uint64_t offset = 0;
    struct digest digest;
    struct upload_id_text text = upload_id_format(&info->id);

    if (info->offset == 0)
        return;
    (void)snprintf(path, sizeof(path), "%s/files/%.2s/%s", options->directory, text.text,
                   text.text);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    digest_init(&digest, info->digest_algorithm);
    while (offset < info->offset) {
        uint64_t left = info->offset - offset;
        ssize_t count = read(fd, bytes, left < sizeof(bytes) ? (size_t)left : sizeof(bytes));
        assert_true(count > 0);
        digest_update(&digest, bytes_of(bytes, (size_t)count));
        for (ssize_t i = 0; i < count && offset < info->offset; i++, offset++)
            assert_int_equal(bytes[i], pattern(offset));
    }
    (void)close(fd);
    check_digest(info, &digest);
}

/* A client that comes back brings it to its end. */
static void check_resumes(struct store *store, const struct store_options *options,
                          const struct upload_info *info)
{
    struct upload_writer writer = { 0 };
    struct upload *upload = NULL;
    struct upload_info after = { 0 };

    assert_int_equal(upload_open_wait(store, &info->id, &writer, &upload), 0);
    assert_int_equal(upload_info(upload)->state, UPLOAD_RECEIVING);
    assert_int_equal(upload_offset(upload), info->offset);
    uint64_t length = info->length_known ? info->length : info->offset + SMALL_BYTES;
    assert_int_equal(append_pattern(upload, (size_t)(length - info->offset)), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);

    assert_int_equal(upload_find_wait(store, &info->id, &after), 0);
    assert_int_equal(after.state, UPLOAD_COMPLETE);
    check_bytes(options, &after);
    upload_info_done(&after);
}

/* True: it is damaged. */
static bool check_promise(struct store *store, const struct store_options *options,
                          const struct promise *promise)
{
    struct upload_info info = { 0 };

    int r = upload_find_wait(store, &promise->id, &info);
    if (r != 0) {
        assert_true(r == REFUSED_UNKNOWN_UPLOAD || r == REFUSED_GONE);
        assert_true(promise->deletion_asked || promise->expired);
        return false;
    }
    assert_false(promise->deleted);
    assert_true(info.offset >= promise->offset);
    assert_true(!promise->complete || info.state == UPLOAD_COMPLETE);
    check_bytes(options, &info);
    if (info.state == UPLOAD_RECEIVING)
        check_resumes(store, options, &info);
    upload_info_done(&info);
    return info.state == UPLOAD_DAMAGED;
}

/* Whatever failed before, nothing fails now: it is whole, and not only waits to be. */
static void check_joined(struct store *store, const struct joined *joined, bool may_be_damaged)
{
    struct upload_info info = { 0 };
    struct content *content = NULL;
    uint8_t byte;

    assert_int_equal(upload_find_wait(store, &joined->final, &info), 0);
    upload_info_done(&info);
    assert_true(!joined->complete || info.state != UPLOAD_RECEIVING);
    assert_int_not_equal(info.state, UPLOAD_VERIFYING);
    assert_true(info.state != UPLOAD_DAMAGED || may_be_damaged);
    if (info.state != UPLOAD_COMPLETE)
        return;
    assert_int_equal(upload_read_wait(store, &joined->final, &content), 0);
    assert_int_equal(content_length(content), 2 * SMALL_BYTES);
    for (uint64_t i = 0; i < 2 * SMALL_BYTES; i += 13) {
        assert_int_equal(content_read(content, &byte, 1, i, false), 1);
        assert_int_equal(byte, pattern(i));
    }
    content_close(content);
}

/* Every file belongs to an upload that somebody can find. */
static void check_orphans(struct store *store, const struct store_options *options)
{
    char path[160];

    for (unsigned shard = 0; shard < 256; shard++) {
        struct dirent *entry;

        (void)snprintf(path, sizeof(path), "%s/files/%02x", options->directory, shard);
        DIR *directory = opendir(path);
        assert_non_null(directory);
        while ((entry = readdir(directory)) != NULL) {
            struct upload_info info = { 0 };
            struct upload_id id;
            if (entry->d_name[0] == '.')
                continue;
            assert_true(upload_id_parse(bytes_of_text(entry->d_name), &id));
            assert_int_equal(upload_find_wait(store, &id, &info), 0);
            upload_info_done(&info);
        }
        (void)closedir(directory);
    }
}

void life_check(const struct life *life, const struct store_options *options, unsigned damaged_most)
{
    struct store *store = NULL;
    unsigned damaged = 0;

    assert_int_equal(store_open(options, &store), 0);
    for (int i = 0; i < LIFE_UPLOADS; i++)
        if (life->promises[i].created)
            damaged += check_promise(store, options, &life->promises[i]);
    assert_true(damaged <= damaged_most);

    assert_int_equal(store_sweep(store), 0);
    if (life->joined.joined)
        check_joined(store, &life->joined, damaged_most > 0);
    check_orphans(store, options);
    store_close(store);
}
