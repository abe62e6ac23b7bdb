/*
 * Digests of uploads and of requests: right whatever was cut, killed, refused or taken back
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/refusal.h"
#include "digest/digest.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

enum {
    WHOLE_BYTES = 1500003,
    HALF_BYTES = WHOLE_BYTES / 2,
    BEHIND_MOST = 256, /* a checkpoint of a digest that has seen all bytes */
};

/* Of that many bytes of the pattern; from Python's hashlib. */
/* clang-format off */
static const struct {
    enum digest_algorithm algorithm;
    uint64_t bytes;
    const char *hex;
} known[] = {
    { DIGEST_BLAKE2B, 0,
      "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
      "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce" },
    { DIGEST_SHA256, 0,
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { DIGEST_BLAKE2B, WHOLE_BYTES,
      "8e4d5b9dcc9fa5103e3c7ab73f2c16674c8e6b7baf03c1a76c100e10f9a89a43"
      "92f550ad410fac9b2440fdcb7a0fb208f205f15ea55285b7427d5a9d1d02c1f0" },
    { DIGEST_SHA256, WHOLE_BYTES,
      "c007bf95af52ed1c18d728606f28ef558582ae047aa9069f1ef607530db31441" },
};
/* clang-format on */

static void assert_known(const struct digest_value *value, enum digest_algorithm algorithm,
                         uint64_t bytes)
{
    char hex[2 * DIGEST_BYTES_MAX + 1] = "";
    struct bytes said = digest_value_bytes(value);

    for (size_t i = 0; i < said.count; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", said.data[i]);
    assert_int_equal(value->algorithm, algorithm);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].algorithm == algorithm && known[i].bytes == bytes) {
            assert_string_equal(hex, known[i].hex);
            return;
        }
    fail_msg("no known digest of %llu bytes", (unsigned long long)bytes);
}

/* Of the pattern from one offset to another. */
static struct digest_value pattern_digest(enum digest_algorithm algorithm, uint64_t from,
                                          uint64_t until)
{
    struct digest digest;
    struct digest_value value;
    uint8_t bytes[4096];

    digest_init(&digest, algorithm);
    while (from < until) {
        size_t count = 0;
        for (; count < sizeof(bytes) && from < until; from++)
            bytes[count++] = pattern(from);
        digest_update(&digest, bytes_of(bytes, count));
    }
    digest_final(&digest, &value);
    return value;
}

static struct upload_id create(struct fixture *fixture, enum digest_algorithm algorithm)
{
    struct upload_creation creation = { .digest_algorithm = algorithm };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    return id;
}

static struct upload_id create_stated(struct fixture *fixture, const struct digest_value *stated)
{
    struct upload_creation creation = {
        .digest_algorithm = stated->algorithm,
        .stated = *stated,
    };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    return id;
}

static void finish_and_close(struct upload *upload)
{
    assert_int_equal(append_pattern(upload, (size_t)(WHOLE_BYTES - upload_received(upload))), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
}

/* The digest of an upload of WHOLE_BYTES, by who looks. */
static void assert_whole(struct fixture *fixture, const struct upload_id *id,
                         enum digest_algorithm algorithm)
{
    struct upload_info info = fixture_find(fixture, id);

    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_known(&info.digest, algorithm, WHOLE_BYTES);
    assert_pattern(fixture_path(fixture, id), WHOLE_BYTES);
}

static unsigned random_below(unsigned limit)
{
    static unsigned state = 1;

    state = state * 1664525u + 1013904223u;
    return (state >> 8) % limit;
}

/* ---- the row ---- */

struct row {
    uint64_t offset;
    uint8_t checkpoint[DIGEST_CHECKPOINT_BYTES];
    size_t count;
};

static sqlite3 *open_database(struct fixture *fixture)
{
    char path[96];
    sqlite3 *db;

    (void)snprintf(path, sizeof(path), "%s/ferry.db", fixture->directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

/* Of the only upload. */
static struct row read_row(struct fixture *fixture)
{
    struct row row = { 0 };
    sqlite3_stmt *statement;

    sqlite3 *db = open_database(fixture);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT offset, checkpoint FROM progress", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    row.offset = (uint64_t)sqlite3_column_int64(statement, 0);
    row.count = (size_t)sqlite3_column_bytes(statement, 1);
    assert_true(row.count <= sizeof(row.checkpoint));
    if (row.count > 0)
        memcpy(row.checkpoint, sqlite3_column_blob(statement, 1), row.count);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return row;
}

static void write_checkpoint(struct fixture *fixture, const uint8_t *checkpoint, size_t count)
{
    sqlite3_stmt *statement;

    sqlite3 *db = open_database(fixture);
    assert_int_equal(
        sqlite3_prepare_v2(db, "UPDATE progress SET checkpoint = ?", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(statement, 1, checkpoint, (int)count, SQLITE_STATIC),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Where the checkpoint of the row stands: it can be taken up, and is not beyond the offset. */
static uint64_t row_position(const struct row *row, enum digest_algorithm algorithm)
{
    struct digest digest;

    assert_true(digest_restore(&digest, algorithm, bytes_of(row->checkpoint, row->count)));
    assert_true(digest.position <= row->offset);
    return digest.position;
}

/* ---- what is read again ---- */

static atomic_int reads;
static atomic_uint_fast64_t read_bytes;

static ssize_t counting_pread(int fd, void *memory, size_t count, off_t offset)
{
    atomic_fetch_add(&reads, 1);
    atomic_fetch_add(&read_bytes, count);
    return os_linux.pread(fd, memory, count, offset);
}

/* Before the store is opened again, as its threads look at the table. */
static void replace_pread(struct fixture *fixture,
                          ssize_t (*replacement)(int, void *, size_t, off_t))
{
    fixture_close(fixture);
    os.pread = replacement;
    fixture_open(fixture);
    atomic_store(&reads, 0);
    atomic_store(&read_bytes, 0);
}

/* ---- the running digest ---- */

static void check_in_many_openings(struct fixture *fixture, enum digest_algorithm algorithm)
{
    struct upload_id id = create(fixture, algorithm);
    int openings = 0;

    for (bool more = true; more; openings++) {
        struct upload *upload = fixture_writer(fixture, &id);
        uint64_t left = WHOLE_BYTES - upload_offset(upload);
        size_t count = random_below(2) ? random_below(60000) : random_below(400);
        more = count < left;
        assert_int_equal(append_pattern(upload, more ? count : (size_t)left), 0);
        if (random_below(2))
            assert_int_equal(upload_commit_wait(upload), 0);
        if (!more)
            assert_int_equal(upload_finish_wait(upload), 0);
        upload_close(upload);
        if (openings % 16 == 0)
            fixture_reopen(fixture);
    }
    assert_true(openings > 30);
    assert_true(atomic_load(&read_bytes) <= (uint64_t)openings * BEHIND_MOST);
    assert_whole(fixture, &id, algorithm);
}

static void the_digest_is_the_one_of_all_bytes_whatever_the_openings(void **state)
{
    struct fixture *fixture = *state;

    replace_pread(fixture, counting_pread);
    check_in_many_openings(fixture, DIGEST_BLAKE2B);
    check_in_many_openings(fixture, DIGEST_SHA256);
    assert_true(atomic_load(&reads) > 0);
}

static void an_upload_without_a_digest_reads_nothing_and_tells_none(void **state)
{
    struct fixture *fixture = *state;

    replace_pread(fixture, counting_pread);
    struct upload_id id = create(fixture, DIGEST_NONE);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1001), 0);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    finish_and_close(upload);

    assert_int_equal(reads, 0);
    assert_int_equal(fixture_find(fixture, &id).digest.algorithm, DIGEST_NONE);
}

static void an_upload_of_no_bytes_has_the_digest_of_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create(fixture, DIGEST_SHA256);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_finish_wait(upload), 0);
    assert_known(&upload_info(upload)->digest, DIGEST_SHA256, 0);
    upload_close(upload);
    struct upload_info info = fixture_find(fixture, &id);
    assert_known(&info.digest, DIGEST_SHA256, 0);
}

static void whoever_opens_and_adds_nothing_reads_nothing(void **state)
{
    struct fixture *fixture = *state;

    replace_pread(fixture, counting_pread);
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, WHOLE_BYTES), 0);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(reads, 0);

    upload = fixture_writer(fixture, &id); /* all bytes came before */
    assert_int_equal(upload_finish_wait(upload), 0);
    assert_known(&upload_info(upload)->digest, DIGEST_BLAKE2B, WHOLE_BYTES);
    upload_close(upload);
    assert_int_equal(reads, 1);
}

/* A process of its own: some bytes, some of them committed, and the end at any moment. */
static void append_and_be_killed(struct fixture *fixture, const struct upload_id *id, unsigned seed)
{
    int status;

    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)setenv("CMOCKA_TEST_ABORT", "1", 1);
        fixture_open(fixture);
        struct upload *upload = fixture_writer(fixture, id);
        if (seed % 4 == 0)
            upload_stage(upload, DIGEST_SHA256);
        for (unsigned i = seed % 3; i < 4; i++) {
            (void)append_pattern(upload, 1 + seed * 7919 % 40000);
            if (i == seed % 2 + 1 && seed % 4 != 0)
                (void)upload_commit_wait(upload);
        }
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void the_digest_outlives_kills_at_any_moment(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;

    fixture->options.commit_bytes = 65536; /* passes begin while bytes come */
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);
    for (unsigned kills = 0; kills < 40 && offset < HALF_BYTES; kills++) {
        fixture_close(fixture);
        append_and_be_killed(fixture, &id, kills);
        struct row row = read_row(fixture);
        assert_true(row.offset >= offset);
        (void)row_position(&row, DIGEST_BLAKE2B);
        offset = row.offset;
        fixture_open(fixture);
    }
    assert_true(offset > 100000);
    finish_and_close(fixture_writer(fixture, &id));
    assert_whole(fixture, &id, DIGEST_BLAKE2B);
}

static void the_checkpoint_of_an_answered_commit_is_close_to_its_offset(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);

    struct upload *upload = fixture_writer(fixture, &id);
    for (size_t count = 1; count < 1000000; count *= 5) {
        assert_int_equal(append_pattern(upload, count), 0);
        assert_int_equal(upload_commit_wait(upload), 0);
        struct row row = read_row(fixture);
        assert_int_equal(row.offset, upload_offset(upload));
        assert_true(row.offset - row_position(&row, DIGEST_BLAKE2B) <= BEHIND_MOST);
    }
    upload_close(upload);
}

/*
 * Appends while the first sync takes place, until bytes of after its beginning must have been
 * hashed: they are more than a buffer. The second sync waits until it is let.
 */
static struct upload *_Atomic outrunning;
static atomic_bool outrun_again;

static int fdatasync_outrun(int fd)
{
    enum {
        ENOUGH = 5 * 1024 * 1024
    };
    uint8_t bytes[1000];
    struct upload *upload = atomic_exchange(&outrunning, NULL);

    while (upload != NULL && upload_received(upload) < ENOUGH) {
        uint64_t start = upload_received(upload);
        size_t taken = 0;
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = pattern(start + i);
        if (upload_append(upload, bytes_of(bytes, sizeof(bytes)), &taken) != 0)
            break;
        if (taken < sizeof(bytes))
            sched_yield();
    }
    while (upload == NULL && !atomic_load(&outrun_again))
        sched_yield();
    return os_linux.fdatasync(fd);
}

static void a_checkpoint_is_never_beyond_its_offset(void **state)
{
    enum {
        DIRTY_BYTES = 12 * 1024 * 1024,
        WINDOW_BYTES = DIRTY_BYTES / 3, /* a pass begins by itself */
    };
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.fdatasync = fdatasync_outrun;
    fixture->options.dirty_bytes = DIRTY_BYTES;
    fixture_open(fixture);
    struct upload_id id = create(fixture, DIGEST_SHA256);
    struct upload *upload = fixture_writer(fixture, &id);
    atomic_store(&outrun_again, false);
    atomic_store(&outrunning, upload);
    assert_int_equal(append_pattern(upload, WINDOW_BYTES), 0);
    while (upload_offset(upload) == 0)
        sched_yield();
    struct row row = read_row(fixture);
    atomic_store(&outrun_again, true);

    assert_int_equal(row.offset, WINDOW_BYTES);
    assert_true(row_position(&row, DIGEST_SHA256) > 0);
    assert_true(upload_received(upload) > WINDOW_BYTES + 512 * 1024);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_finish_wait(upload), 0);
    struct digest_value all = pattern_digest(DIGEST_SHA256, 0, upload_offset(upload));
    assert_true(digest_value_equal(&upload_info(upload)->digest, &all));
    upload_close(upload);
}

static struct store *_Atomic written_beside;

static ssize_t pread_until_written(int fd, void *memory, size_t count, off_t offset)
{
    struct store *store = atomic_load(&written_beside);

    while (store != NULL &&
           store_statistics(store).dirty_bytes < 40000) /* a small buffer has 65536 */
        sched_yield();
    return os_linux.pread(fd, memory, count, offset);
}

/* A hash lane that is held up holds up no write, as long as there is room in the buffer. */
static void bytes_are_written_while_others_are_hashed(void **state)
{
    struct fixture *fixture = *state;

    replace_pread(fixture, pread_until_written);
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    upload_close(upload);

    upload = fixture_writer(fixture, &id);
    atomic_store(&written_beside, fixture->store);
    finish_and_close(upload);
    atomic_store(&written_beside, NULL);
    assert_whole(fixture, &id, DIGEST_BLAKE2B);
}

/* Reads wait, and so do writes of HELD_BYTES, until they are let go. */
enum {
    HELD_BYTES = 4242
};

static atomic_bool reads_held, writes_held;
static atomic_int held_writes;

static ssize_t pread_held(int fd, void *memory, size_t count, off_t offset)
{
    while (atomic_load(&reads_held))
        sched_yield();
    return os_linux.pread(fd, memory, count, offset);
}

static ssize_t pwritev2_held(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    if (pieces[0].iov_len == HELD_BYTES) {
        atomic_fetch_add(&held_writes, 1);
        while (atomic_load(&writes_held))
            sched_yield();
    }
    return os_linux.pwritev2(fd, pieces, count, offset, flags);
}

/* Both workers are busy with others when the lane wants to go on, so its job waits. */
static void bytes_may_be_given_up_while_the_lane_waits_for_a_worker(void **state)
{
    struct fixture *fixture = *state;
    struct completion deleted;

    os.pwritev2 = pwritev2_held;
    replace_pread(fixture, pread_held);
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);
    struct upload_id ids[] = { create(fixture, DIGEST_NONE), create(fixture, DIGEST_NONE) };
    struct upload *others[] = { fixture_writer(fixture, &ids[0]),
                                fixture_writer(fixture, &ids[1]) };
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);

    atomic_store(&reads_held, true);
    atomic_store(&writes_held, true);
    atomic_store(&held_writes, 0);
    assert_int_equal(append_pattern(upload, 30000), 0); /* one worker hashes it ... */
    while (store_statistics(fixture->store).dirty_bytes < 30000)
        sched_yield();
    assert_int_equal(append_pattern(upload, 30000), 0); /* ... the other one writes on */
    while (store_statistics(fixture->store).dirty_bytes < 60000)
        sched_yield();
    assert_int_equal(append_pattern(others[0], HELD_BYTES), 0);
    assert_int_equal(append_pattern(others[1], HELD_BYTES), 0);
    atomic_store(&reads_held, false);
    while (atomic_load(&held_writes) < 2)
        sched_yield();
    completion_init(&deleted);
    upload_delete(upload, completion_done(&deleted));
    atomic_store(&writes_held, false);

    assert_int_equal(completion_wait(&deleted), 0);
    upload_close(upload);
    for (int i = 0; i < 2; i++)
        upload_close(others[i]);
}

/* ---- a checkpoint that is of no use, bytes that cannot be read ---- */

static void check_with_checkpoint(struct fixture *fixture, const uint8_t *checkpoint, size_t count)
{
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 700000), 0);
    upload_close(upload);
    fixture_close(fixture);
    write_checkpoint(fixture, checkpoint, count);
    fixture_open(fixture);
    finish_and_close(fixture_writer(fixture, &id));
    assert_whole(fixture, &id, DIGEST_BLAKE2B);
}

static void a_checkpoint_that_is_of_no_use_is_no_wrong_digest(void **state)
{
    struct digest digest;
    struct digest_checkpoint beyond;
    static const uint8_t zeros[WHOLE_BYTES];

    digest_init(&digest, DIGEST_BLAKE2B);
    digest_update(&digest, bytes_of(zeros, WHOLE_BYTES));
    digest_checkpoint(&digest, &beyond);
    check_with_checkpoint(*state, zeros, 20);
    check_with_checkpoint(*state, zeros, 0);
    check_with_checkpoint(*state, beyond.bytes, beyond.count);
}

static atomic_int failing_reads;
static atomic_int failing_code;

static ssize_t failing_pread(int fd, void *memory, size_t count, off_t offset)
{
    if (atomic_fetch_sub(&failing_reads, 1) <= 0)
        return counting_pread(fd, memory, count, offset);
    errno = atomic_load(&failing_code);
    return -1;
}

/* An upload of some bytes whose next opening meets a failing read. */
static struct upload *writer_that_cannot_read(struct fixture *fixture, const struct upload_id *id,
                                              int code)
{
    struct upload *upload = fixture_writer(fixture, id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    upload_close(upload);
    replace_pread(fixture, failing_pread);
    atomic_store(&failing_code, code);
    atomic_store(&failing_reads, 1);
    return fixture_writer(fixture, id);
}

static void a_read_without_memory_ends_one_writer_and_keeps_its_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);

    struct upload *upload = writer_that_cannot_read(fixture, &id, ENOMEM);
    assert_int_equal(append_pattern(upload, 1000), 0);
    assert_int_equal(upload_commit_wait(upload), -ENOMEM);
    assert_int_equal(upload_offset(upload), 2000);
    assert_int_equal(append_pattern(upload, 1), -ENOMEM);
    upload_close(upload);

    struct row row = read_row(fixture);
    assert_true(row_position(&row, DIGEST_BLAKE2B) < 1000);
    finish_and_close(fixture_writer(fixture, &id));
    assert_whole(fixture, &id, DIGEST_BLAKE2B);
}

static void bytes_that_cannot_be_read_are_damage(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);

    struct upload *upload = writer_that_cannot_read(fixture, &id, EIO);
    assert_int_equal(upload_finish_wait(upload), -EIO);
    upload_close(upload);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_DAMAGED);
    assert_pattern(fixture_path(fixture, &id), 1000);
}

static atomic_int room_left;

static ssize_t pwritev2_on_a_full_disk(int fd, const struct iovec *pieces, int count, off_t offset,
                                       int flags)
{
    struct iovec piece = pieces[0].iov_len > 0 ? pieces[0] : pieces[1];
    int left = atomic_load(&room_left);

    if (left < 0)
        return os_linux.pwritev2(fd, pieces, count, offset, flags);
    if (left == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (piece.iov_len > (size_t)left)
        piece.iov_len = (size_t)left;
    ssize_t written = os_linux.pwritev2(fd, &piece, 1, offset, flags);
    if (written > 0)
        atomic_fetch_sub(&room_left, (int)written);
    return written;
}

static void what_fitted_on_a_full_disk_is_what_was_hashed(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.pwritev2 = pwritev2_on_a_full_disk;
    atomic_store(&room_left, 123457);
    fixture_open(fixture);
    struct upload_id id = create(fixture, DIGEST_SHA256);
    struct upload *upload = fixture_writer(fixture, &id);
    (void)append_pattern(upload, 300000);
    assert_int_equal(upload_commit_wait(upload), REFUSED_NO_SPACE);
    assert_int_equal(upload_offset(upload), 123457);
    upload_close(upload);
    struct row row = read_row(fixture);
    assert_true(row.offset - row_position(&row, DIGEST_SHA256) <= BEHIND_MOST);

    atomic_store(&room_left, -1);
    finish_and_close(fixture_writer(fixture, &id));
    assert_whole(fixture, &id, DIGEST_SHA256);
}

/* ---- the stated digest ---- */

static void an_upload_with_its_stated_digest_is_complete(void **state)
{
    struct fixture *fixture = *state;
    struct digest_value stated = pattern_digest(DIGEST_SHA256, 0, WHOLE_BYTES);
    struct upload_id id = create_stated(fixture, &stated);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_set_response(upload, bytes_of_text("welcome")), 0);
    finish_and_close(upload);
    assert_whole(fixture, &id, DIGEST_SHA256);

    struct upload_info info = { 0 };
    assert_int_equal(upload_find_wait(fixture->store, &id, &info), 0);
    assert_int_equal(info.response_count, 7);
    assert_memory_equal(info.response, "welcome", 7);
    upload_info_done(&info);
}

static void an_upload_with_another_digest_is_damaged_and_kept(void **state)
{
    struct fixture *fixture = *state;
    struct digest_value stated = pattern_digest(DIGEST_BLAKE2B, 0, 1000);
    struct upload_id id = create_stated(fixture, &stated);
    struct content *content;

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_set_response(upload, bytes_of_text("welcome")), 0);
    assert_int_equal(append_pattern(upload, WHOLE_BYTES), 0);
    assert_int_equal(upload_finish_wait(upload), REFUSED_DIGEST_MISMATCH);
    assert_int_equal(upload_info(upload)->state, UPLOAD_DAMAGED);
    assert_int_equal(upload_offset(upload), WHOLE_BYTES);
    assert_int_equal(append_pattern(upload, 1), REFUSED_DIGEST_MISMATCH);
    upload_close(upload);
    assert_int_equal(store_statistics(fixture->store).damaged_uploads, 1);
    fixture_reopen(fixture);

    struct upload_info info = fixture_find(fixture, &id);
    assert_int_equal(info.state, UPLOAD_DAMAGED);
    assert_int_equal(info.length, WHOLE_BYTES);
    assert_int_equal(info.response_count, 0);
    assert_known(&info.digest, DIGEST_BLAKE2B, WHOLE_BYTES);
    assert_true(digest_value_equal(&info.stated, &stated));
    assert_int_equal(upload_read_wait(fixture->store, &id, &content), REFUSED_DAMAGED);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1), REFUSED_DAMAGED);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), WHOLE_BYTES);
}

/* ---- requests with a checksum ---- */

static void append_wrong(struct upload *upload, size_t count)
{
    static uint8_t wrong[200000];

    assert_true(count <= sizeof(wrong));
    memset(wrong, 0x55, sizeof(wrong));
    assert_int_equal(upload_append_wait(upload, bytes_of(wrong, count)), 0);
}

/* Some committed bytes, staged ones that are verified and committed, and the end. */
static void check_request(struct fixture *fixture, enum digest_algorithm running,
                          enum digest_algorithm staged, enum digest_algorithm checksummed)
{
    struct upload_id id = create(fixture, running);
    struct digest_value checksum = pattern_digest(checksummed, 1000, 700000);
    struct digest_value wrong = pattern_digest(checksummed, 1000, 699999);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    atomic_store(&reads, 0);
    upload_stage(upload, staged);
    assert_int_equal(append_pattern(upload, 699000), 0);
    assert_int_equal(upload_verify_wait(upload, &wrong), REFUSED_CHECKSUM_MISMATCH);
    assert_int_equal(upload_verify_wait(upload, &checksum), 0);
    assert_int_equal(upload_offset(upload), 1000);
    assert_true((atomic_load(&reads) > 0) == (staged != checksummed));
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(upload_offset(upload), 700000);

    /* the next request of the same writer */
    checksum = pattern_digest(checksummed, 700000, 700001);
    assert_int_equal(append_pattern(upload, 1), 0);
    assert_int_equal(upload_verify_wait(upload, &checksum), 0);
    finish_and_close(upload);
    if (running != DIGEST_NONE)
        assert_whole(fixture, &id, running);
}

static void a_checksum_is_compared_with_the_bytes_of_its_request(void **state)
{
    struct fixture *fixture = *state;

    replace_pread(fixture, counting_pread);
    for (int algorithm = DIGEST_NONE + 1; algorithm < DIGEST_ALGORITHM_COUNT; algorithm++) {
        check_request(fixture, DIGEST_NONE, (enum digest_algorithm)algorithm,
                      (enum digest_algorithm)algorithm);
        check_request(fixture, DIGEST_BLAKE2B, (enum digest_algorithm)algorithm,
                      (enum digest_algorithm)algorithm);
    }
}

static void an_algorithm_that_is_told_in_the_end_reads_the_bytes_again(void **state)
{
    struct fixture *fixture = *state;

    replace_pread(fixture, counting_pread);
    for (int algorithm = DIGEST_NONE + 1; algorithm < DIGEST_ALGORITHM_COUNT; algorithm++)
        check_request(fixture, DIGEST_NONE, DIGEST_NONE, (enum digest_algorithm)algorithm);
    check_request(fixture, DIGEST_SHA256, DIGEST_NONE, DIGEST_SHA256);
    check_request(fixture, DIGEST_SHA256, DIGEST_SHA1, DIGEST_MD5);
}

static void a_request_of_no_bytes_has_the_digest_of_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create(fixture, DIGEST_NONE);
    struct digest_value nothing = pattern_digest(DIGEST_SHA1, 0, 0);
    struct digest_value something = pattern_digest(DIGEST_SHA1, 0, 1);

    struct upload *upload = fixture_writer(fixture, &id);
    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(upload_verify_wait(upload, &something), REFUSED_CHECKSUM_MISMATCH);
    assert_int_equal(upload_verify_wait(upload, &nothing), 0);
    upload_close(upload);
}

static void a_mismatch_leaves_offset_and_digest_as_they_were(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);
    struct digest_value checksum = pattern_digest(DIGEST_MD5, 5000, 205000);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 5000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    struct row before = read_row(fixture);
    upload_stage(upload, DIGEST_MD5);
    append_wrong(upload, 200000);
    assert_int_equal(upload_verify_wait(upload, &checksum), REFUSED_CHECKSUM_MISMATCH);
    assert_int_equal(upload_rollback_wait(upload), 0);
    struct row after = read_row(fixture);
    assert_memory_equal(&after, &before, sizeof(before));

    assert_int_equal(append_pattern(upload, 200000), 0); /* the same request once more */
    assert_int_equal(upload_verify_wait(upload, &checksum), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);

    upload = fixture_writer(fixture, &id); /* dropped without a word */
    upload_stage(upload, DIGEST_MD5);
    append_wrong(upload, 100000);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), 205000);
    finish_and_close(upload);
    assert_whole(fixture, &id, DIGEST_BLAKE2B);
}

/* Reads of a verification wait until a newer writer has come. */
static struct upload *_Atomic reading;

static ssize_t pread_until_ended(int fd, void *memory, size_t count, off_t offset)
{
    struct upload *upload = atomic_load(&reading);

    while (upload != NULL && !upload_ended(upload))
        sched_yield();
    return os_linux.pread(fd, memory, count, offset);
}

static void a_newer_writer_does_not_wait_until_all_is_read(void **state)
{
    enum {
        MANY = 9 * 1024 * 1024 /* more than is read in one go */
    };
    struct fixture *fixture = *state;
    struct digest_value checksum = { .algorithm = DIGEST_CRC32 };
    struct completion verified, opened;
    struct upload_writer patient = { .patience_ms = 60000 };
    struct upload *newer = NULL;

    replace_pread(fixture, pread_until_ended);
    struct upload_id id = create(fixture, DIGEST_BLAKE2B);
    struct upload *upload = fixture_writer(fixture, &id);
    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(append_pattern(upload, MANY), 0);
    atomic_store(&reading, upload);
    completion_init(&verified);
    upload_verify(upload, &checksum, completion_done(&verified));
    completion_init(&opened);
    assert_int_equal(upload_open(fixture->store, &id, &patient, &newer, completion_done(&opened)),
                     0);
    assert_int_equal(completion_wait(&verified), REFUSED_ENDED);
    atomic_store(&reading, NULL);
    upload_close(upload);
    assert_int_equal(completion_wait(&opened), 0);
    assert_int_equal(upload_offset(newer), 0);
    finish_and_close(newer);
    assert_whole(fixture, &id, DIGEST_BLAKE2B);
}

static atomic_bool syncs_held;
static atomic_int held_syncs;

static int fdatasync_held(int fd)
{
    if (atomic_load(&syncs_held))
        atomic_fetch_add(&held_syncs, 1);
    while (atomic_load(&syncs_held))
        sched_yield();
    return os_linux.fdatasync(fd);
}

/*
 * A newer writer comes while the digest is still read, so the lane gives up, and staged bytes are synced
 * without it; when they become bytes like others during that sync, they must not complete the upload.
 */
static void bytes_that_are_staged_no_more_do_not_count_without_their_digest(void **state)
{
    enum {
        MANY = 9 * 1024 * 1024 /* more than is read in one go */
    };
    struct fixture *fixture = *state;
    struct upload_creation creation = {
        .length_known = true,
        .length = MANY + 1000,
        .digest_algorithm = DIGEST_BLAKE2B,
    };
    struct upload_writer patient = { .patience_ms = 60000 };
    struct completion opened;
    struct upload *newer = NULL;
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, MANY), 0);
    upload_close(upload);
    fixture_close(fixture);
    write_checkpoint(fixture, NULL, 0);
    os.pread = pread_until_ended;
    os.fdatasync = fdatasync_held;
    fixture_open(fixture);
    upload = fixture_writer(fixture, &id);
    upload_stage(upload, DIGEST_NONE);
    atomic_store(&reading, upload);
    atomic_store(&held_syncs, 0);
    atomic_store(&syncs_held, true);
    assert_int_equal(append_pattern(upload, 1000), 0);
    completion_init(&opened);
    assert_int_equal(upload_open(fixture->store, &id, &patient, &newer, completion_done(&opened)),
                     0);
    while (atomic_load(&held_syncs) == 0)
        sched_yield();
    upload_unstage(upload);
    atomic_store(&syncs_held, false);
    atomic_store(&reading, NULL);
    upload_close(upload);

    assert_int_equal(completion_wait(&opened), 0);
    assert_int_equal(upload_info(newer)->state, UPLOAD_RECEIVING);
    assert_int_equal(upload_offset(newer), MANY);
    assert_int_equal(append_pattern(newer, 1000), 0);
    assert_int_equal(upload_finish_wait(newer), 0);
    struct digest_value all = pattern_digest(DIGEST_BLAKE2B, 0, MANY + 1000);
    assert_true(digest_value_equal(&upload_info(newer)->digest, &all));
    upload_close(newer);
}

#define HASH_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HASH_TEST(the_digest_is_the_one_of_all_bytes_whatever_the_openings),
        HASH_TEST(an_upload_without_a_digest_reads_nothing_and_tells_none),
        HASH_TEST(an_upload_of_no_bytes_has_the_digest_of_nothing),
        HASH_TEST(whoever_opens_and_adds_nothing_reads_nothing),
        HASH_TEST(the_digest_outlives_kills_at_any_moment),
        HASH_TEST(the_checkpoint_of_an_answered_commit_is_close_to_its_offset),
        HASH_TEST(a_checkpoint_is_never_beyond_its_offset),
        HASH_TEST(bytes_are_written_while_others_are_hashed),
        HASH_TEST(bytes_may_be_given_up_while_the_lane_waits_for_a_worker),
        HASH_TEST(a_checkpoint_that_is_of_no_use_is_no_wrong_digest),
        HASH_TEST(a_read_without_memory_ends_one_writer_and_keeps_its_bytes),
        HASH_TEST(bytes_that_cannot_be_read_are_damage),
        HASH_TEST(what_fitted_on_a_full_disk_is_what_was_hashed),
        HASH_TEST(an_upload_with_its_stated_digest_is_complete),
        HASH_TEST(an_upload_with_another_digest_is_damaged_and_kept),
        HASH_TEST(a_checksum_is_compared_with_the_bytes_of_its_request),
        HASH_TEST(an_algorithm_that_is_told_in_the_end_reads_the_bytes_again),
        HASH_TEST(a_request_of_no_bytes_has_the_digest_of_nothing),
        HASH_TEST(a_mismatch_leaves_offset_and_digest_as_they_were),
        HASH_TEST(a_newer_writer_does_not_wait_until_all_is_read),
        HASH_TEST(bytes_that_are_staged_no_more_do_not_count_without_their_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
