#include "storage/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

/* ---- one writer ---- */

static void finds_what_was_created(void **state)
{
    struct fixture *fixture = *state;
    struct upload_creation creation = {
        .protocol = 7,
        .kind = UPLOAD_PARTIAL,
        .length_known = true,
        .length = 1000,
        .digest_algorithm = DIGEST_SHA256,
        .metadata = bytes_of_text("a b"),
    };
    struct upload_info info = { 0 };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    assert_int_equal(upload_find_wait(fixture->store, &id, &info), 0);

    assert_true(upload_id_equal(&info.id, &id));
    assert_int_equal(info.protocol, 7);
    assert_int_equal(info.kind, UPLOAD_PARTIAL);
    assert_int_equal(info.state, UPLOAD_RECEIVING);
    assert_true(info.length_known);
    assert_int_equal(info.length, 1000);
    assert_int_equal(info.offset, 0);
    assert_int_equal(info.expires, 0);
    assert_int_equal(info.digest_algorithm, DIGEST_SHA256);
    assert_true(bytes_equal_text(bytes_of(info.metadata, info.metadata_count), "a b"));
    upload_info_done(&info);
}

static void a_look_tells_who_writes_and_where_the_bytes_lie(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 10);

    assert_false(fixture_find(fixture, &id).writing);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_true(fixture_find(fixture, &id).writing);
    assert_int_equal(append_pattern(upload, 10), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    assert_false(fixture_find(fixture, &id).writing);

    char *path = upload_path(fixture->store, &id);
    assert_int_equal(path[0], '/');
    assert_pattern(path, 10);
    free(path);
}

static void tells_its_path_wherever_it_was_started(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 10);
    char here[200];

    fixture_close(fixture);
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(fixture->directory), 0);
    fixture->options.directory = ".";
    assert_int_equal(store_open(&fixture->options, &fixture->store), 0);
    assert_int_equal(chdir(here), 0);

    char *path = upload_path(fixture->store, &id);
    assert_string_equal(path, fixture_path(fixture, &id));
    free(path);
}

static void refuses_an_unknown_id(void **state)
{
    struct fixture *fixture = *state;
    struct upload_writer writer = { 0 };
    struct upload_info info = { .offset = 77 };
    struct upload *upload = NULL;
    struct upload_id id = { 0 };

    assert_int_equal(upload_find_wait(fixture->store, &id, &info), REFUSED_UNKNOWN_UPLOAD);
    assert_int_equal(info.offset, 77); /* outputs untouched on refusal */
    assert_int_equal(upload_open_wait(fixture->store, &id, &writer, &upload),
                     REFUSED_UNKNOWN_UPLOAD);
    assert_null(upload);
}

static void appends_commits_and_goes_on_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000000), 0);
    assert_int_equal(upload_received(upload), 1000000);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(upload_offset(upload), 1000000);
    assert_int_equal(upload_info(upload)->offset, 1000000);
    upload_close(upload);
    fixture_reopen(fixture);

    assert_int_equal(fixture_find(fixture, &id).offset, 1000000);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), 1000000);
    assert_int_equal(append_pattern(upload, 500000), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);

    struct upload_info info = fixture_find(fixture, &id);
    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_true(info.length_known);
    assert_int_equal(info.length, 1500000);
    assert_pattern(fixture_path(fixture, &id), 1500000);
}

static void keeps_what_a_vanished_writer_had_appended(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 10000);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 5000), 0);
    upload_close(upload); /* does not wait, and nobody committed */

    upload = fixture_writer(fixture, &id); /* waits for the last commit of the one before */
    assert_int_equal(upload_offset(upload), 5000);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 5000);
}

static void takes_no_more_than_the_length(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 1000);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 600), 0);
    assert_int_equal(append_pattern(upload, 401), REFUSED_TOO_LONG);
    assert_int_equal(upload_received(upload), 600);
    assert_int_equal(upload_finish_wait(upload), REFUSED_TOO_SHORT);
    assert_int_equal(upload_offset(upload), 600);
    assert_int_equal(append_pattern(upload, 400), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    assert_int_equal(append_pattern(upload, 1), REFUSED_COMPLETED);
    assert_int_equal(upload_finish_wait(upload), 0); /* it is that already */
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 1000);
}

static void is_complete_only_when_told_so(void **state)
{
    struct fixture *fixture = *state;
    const struct upload_creation creation = {
        .length_known = true,
        .length = 10,
        .explicit_completion = true,
    };
    struct upload_id id;
    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 10), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_RECEIVING);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_COMPLETE);
}

static void the_commit_that_counts_the_last_byte_completes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 10);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 9), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_RECEIVING);
    assert_int_equal(append_pattern(upload, 1), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_COMPLETE);
    assert_int_equal(upload_info(upload)->state, UPLOAD_COMPLETE);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
}

static void a_vanished_writer_s_last_byte_completes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 1000);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    upload_close(upload);
    upload_close(fixture_writer(fixture, &id)); /* after the last commit */
    struct upload_info info = fixture_find(fixture, &id);
    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_int_equal(info.expires, 0);
}

static void keeps_its_own_copy_of_a_response(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 1000);
    char response[] = "welcome";

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    assert_int_equal(upload_set_response(upload, bytes_of_text(response)), 0);
    memset(response, 'x', sizeof(response)); /* its owner is gone before anybody asks for the end */
    upload_close(upload);
    upload_close(fixture_writer(fixture, &id)); /* after the last commit */

    struct upload_info info = { 0 };
    assert_int_equal(upload_find_wait(fixture->store, &id, &info), 0);
    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_int_equal(info.response_count, 7);
    assert_memory_equal(info.response, "welcome", 7);
    upload_info_done(&info);
}

static void the_length_that_is_the_offset_completes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 600), 0);
    assert_int_equal(upload_set_length_wait(upload, 600), 0);
    struct upload_info info = fixture_find(fixture, &id);
    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_int_equal(info.length, 600);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
}

static void staged_bytes_complete_when_they_are_committed(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 1000);

    struct upload *upload = fixture_writer(fixture, &id);
    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(append_pattern(upload, 1000), 0);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_info(upload)->state, UPLOAD_RECEIVING);
    assert_int_equal(upload_info(upload)->offset, 0);
    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(append_pattern(upload, 1000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_COMPLETE);
    upload_close(upload);
}

static void completes_and_reads_an_upload_of_no_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct content *content;
    char byte;

    assert_int_equal(upload_read_wait(fixture->store, &id, &content), REFUSED_INCOMPLETE);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);

    assert_int_equal(upload_read_wait(fixture->store, &id, &content), 0);
    assert_int_equal(content_length(content), 0);
    assert_int_equal(content_read(content, &byte, 1, 0, true), 0);
    content_close(content);
}

static void reads_a_complete_upload_even_while_it_is_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct content *content;
    uint8_t bytes[200];

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 100), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    assert_int_equal(upload_read_wait(fixture->store, &id, &content), 0);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(store_sweep(fixture->store), 0);

    assert_int_equal(content_length(content), 100);
    assert_int_equal(content_read(content, bytes, sizeof(bytes), 0, false), 100);
    assert_int_equal(bytes[99], pattern(99));
    assert_int_equal(content_read(content, bytes, 10, 95, false), 5);
    assert_int_equal(bytes[0], pattern(95));
    ssize_t now = content_read(content, bytes, 1, 7, true);
    assert_true(now == -EAGAIN || (now == 1 && bytes[0] == pattern(7))); /* a tmpfs cannot tell */
    assert_int_equal(content_read(content, bytes, 10, 100, true), 0);
    assert_int_equal(content_read(content, bytes, 10, UINT64_MAX, false), 0);
    content_close(content);
}

/* The upload that is deleted, file and all, before its file is opened. */
static struct {
    struct store *store;
    struct upload *upload;
    int (*openat)(int directory, const char *path, int flags, mode_t mode);
} vanishing;

static int openat_too_late(int directory, const char *path, int flags, mode_t mode)
{
    if ((flags & O_ACCMODE) == O_RDONLY && vanishing.upload != NULL) {
        assert_int_equal(upload_delete_wait(vanishing.upload), 0);
        upload_close(TAKE_PTR(vanishing.upload));
        assert_int_equal(store_sweep(vanishing.store), 0);
    }
    return vanishing.openat(directory, path, flags, mode);
}

static void reading_what_is_deleted_meanwhile_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct content *content = NULL;

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 100), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    vanishing.store = fixture->store;
    vanishing.upload = upload;
    vanishing.openat = os.openat;
    os.openat = openat_too_late;
    int r = upload_read_wait(fixture->store, &id, &content);
    os.openat = vanishing.openat;
    assert_null(vanishing.upload);
    assert_int_equal(r, REFUSED_GONE);
    assert_null(content);
}

static void states_a_length_once(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 100), 0);
    assert_int_equal(upload_set_length_wait(upload, 99), REFUSED_TOO_SHORT);
    assert_int_equal(upload_set_length_wait(upload, (uint64_t)INT64_MAX + 1), REFUSED_TOO_LONG);
    assert_int_equal(upload_set_length_wait(upload, 200), 0);
    assert_int_equal(upload_set_length_wait(upload, 200), 0);
    assert_int_equal(upload_set_length_wait(upload, 201), REFUSED_LENGTH_MISMATCH);
    assert_int_equal(append_pattern(upload, 101), REFUSED_TOO_LONG);
    upload_close(upload);
    fixture_reopen(fixture);

    struct upload_info info = fixture_find(fixture, &id);
    assert_true(info.length_known);
    assert_int_equal(info.length, 200);
    assert_int_equal(info.offset, 100);
}

static void takes_nothing_after_it_was_invalidated(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_invalidate_wait(upload), 0);
    assert_int_equal(upload_invalidate_wait(upload), 0);
    assert_int_equal(append_pattern(upload, 1), REFUSED_INVALIDATED);
    assert_int_equal(upload_commit_wait(upload), REFUSED_INVALIDATED);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_info(upload)->state, UPLOAD_INVALIDATED);
    assert_int_equal(upload_finish_wait(upload), REFUSED_INVALIDATED);
    upload_close(upload);
}

/* ---- staged bytes ---- */

static void staged_bytes_count_when_they_are_committed(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    fixture->options.commit_bytes = 256 * 1024;
    fixture_reopen(fixture);
    struct upload *upload = fixture_writer(fixture, &id);
    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(append_pattern(upload, 2000000), 0);
    assert_int_equal(upload_offset(upload), 0); /* though more than commit_bytes came */
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(upload_offset(upload), 2000000);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 2000000);
}

static void staged_bytes_go_when_they_are_rolled_back(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(upload_append_wait(upload, bytes_of_text("not the pattern")), 0);
    assert_int_equal(upload_rollback_wait(upload), 0);
    assert_int_equal(upload_received(upload), 1000);
    assert_pattern(fixture_path(fixture, &id), 1000);

    assert_int_equal(append_pattern(upload, 1000), 0); /* the next try of the same request */
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 2000);
}

static void staged_bytes_go_when_their_writer_vanishes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(append_pattern(upload, 3000000), 0);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), 0);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 0);
}

/* A request that breaks off before it could be verified, of a protocol that keeps such bytes. */
static void staged_bytes_count_when_they_are_staged_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(append_pattern(upload, 3000000), 0);
    upload_unstage(upload);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), 3000000);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 3000000);
}

/* ---- commits that nobody asked for ---- */

static atomic_uint_fast64_t test_clock_ms;

static uint64_t test_monotonic_ms(void)
{
    return atomic_load(&test_clock_ms);
}

/* All that was appended is in the file, so that the next tick sees it. */
static void wait_until_written(struct fixture *fixture, uint64_t bytes)
{
    while (store_statistics(fixture->store).dirty_bytes < bytes)
        sched_yield();
}

/* The thread that has written gives the buffer back when others may have gone on. */
static void wait_until_unbuffered(struct fixture *fixture)
{
    while (store_statistics(fixture->store).buffer_bytes > 0)
        sched_yield();
}

static void wait_until_durable(struct upload *upload, uint64_t offset)
{
    while (upload_offset(upload) < offset)
        sched_yield();
}

static void commits_a_little_late_and_much_soon(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    fixture_close(fixture);
    atomic_store(&test_clock_ms, 1000000);
    os.monotonic_ms = test_monotonic_ms;
    fixture_open(fixture);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 10), 0);
    wait_until_written(fixture, 10);

    test_clock_ms += 28 * 1000;
    store_tick(fixture->store);
    assert_int_equal(store_statistics(fixture->store).synced_files, 0);
    for (int tenths = 0; tenths < 20; tenths++) { /* its turn is in the next second */
        test_clock_ms += 100;
        store_tick(fixture->store);
    }
    wait_until_durable(upload, 10);

    assert_int_equal(append_pattern(upload, 1024 * 1024), 0);
    wait_until_written(fixture, 1024 * 1024);
    test_clock_ms += 999;
    store_tick(fixture->store);
    assert_int_equal(store_statistics(fixture->store).synced_files, 1);
    test_clock_ms += 1;
    store_tick(fixture->store);
    wait_until_durable(upload, 10 + 1024 * 1024);
    upload_close(upload);
}

static atomic_bool writes_held;

static ssize_t pwritev2_held(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    while (atomic_load(&writes_held))
        sched_yield();
    return os_linux.pwritev2(fd, pieces, count, offset, flags);
}

static atomic_int counted_writes;

static ssize_t pwritev2_counted(int fd, const struct iovec *pieces, int count, off_t offset,
                                int flags)
{
    ssize_t written = os_linux.pwritev2(fd, pieces, count, offset, flags);

    if (written > 0) /* not every file system takes all flags */
        atomic_fetch_add(&counted_writes, 1);
    return written;
}

/* In the file they would be worth no more before their commit. Where files are few: of one, half is none. */
static void bytes_that_trickle_wait_for_their_commit(void **state)
{
    enum {
        PIECES = 50
    };
    struct fixture *fixture = *state;

    fixture->options.file_count = 1;
    fixture_reopen(fixture);
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = fixture_writer(fixture, &id);
    os.pwritev2 = pwritev2_counted;
    atomic_store(&counted_writes, 0);
    assert_int_equal(append_pattern(upload, 700), 0);
    assert_true(store_statistics(fixture->store).buffer_bytes <= 1024);
    for (size_t i = 1; i < PIECES; i++) {
        assert_int_equal(append_pattern(upload, 300), 0);
        store_tick(fixture->store);
        (void)fixture_find(fixture, &id); /* by the threads that would write */
    }
    assert_int_equal(atomic_load(&counted_writes), 0);
    assert_int_equal(store_statistics(fixture->store).open_files, 0);
    assert_true(store_statistics(fixture->store).buffer_bytes <= 16 * 1024);

    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(atomic_load(&counted_writes), 1);
    wait_until_unbuffered(fixture);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 700 + 300 * (PIECES - 1));
}

/* Half of the memory is for those that flow: who trickles beyond that is written out at his group's turn. */
static void bytes_that_trickle_leave_memory_for_others(void **state)
{
    struct fixture *fixture = *state;
    struct upload *uploads[3];

    fixture_close(fixture);
    atomic_store(&test_clock_ms, 1000000);
    os.monotonic_ms = test_monotonic_ms;
    fixture->options.buffer_bytes = 4096;
    fixture->options.file_count = 3;
    fixture_open(fixture);
    for (size_t i = 0; i < 3; i++) {
        struct upload_id id = fixture_create(fixture, UINT64_MAX);
        uploads[i] = fixture_writer(fixture, &id);
    }
    assert_int_equal(append_pattern(uploads[0], 10), 0);
    wait_until_written(fixture, 10); /* half of the files are taken */
    wait_until_unbuffered(fixture);
    assert_int_equal(append_pattern(uploads[1], 1024), 0);
    store_tick(fixture->store);
    assert_int_equal(store_statistics(fixture->store).open_files, 1);

    os.pwritev2 = pwritev2_held;
    atomic_store(&writes_held, true);
    assert_int_equal(append_pattern(uploads[2], 1025), 0);
    test_clock_ms += 1000;
    store_tick(fixture->store);
    atomic_store(&writes_held, false);
    wait_until_written(fixture, 10 + 1024 + 1025);
    for (size_t i = 0; i < 3; i++)
        upload_close(uploads[i]);
}

/* Each write is the waking of a thread. A tick, and who waits, take what there is. */
static void bytes_that_flow_are_written_many_at_a_time(void **state)
{
    enum {
        PIECE = 64 * 1024, /* as much as a socket gives */
        MANY = 512 * 1024,
    };
    static const uint8_t bytes[PIECE];
    struct fixture *fixture = *state;
    size_t taken;

    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = fixture_writer(fixture, &id);
    os.pwritev2 = pwritev2_counted;
    atomic_store(&counted_writes, 0);
    for (size_t count = PIECE; count <= MANY; count += PIECE) {
        assert_int_equal(atomic_load(&counted_writes), 0);
        assert_int_equal(upload_append(upload, bytes_of(bytes, PIECE), &taken), 0);
        assert_int_equal(taken, PIECE);
        (void)fixture_find(fixture, &id); /* by the threads that would write */
    }
    wait_until_written(fixture, MANY); /* at once, not piece by piece */

    assert_int_equal(upload_append(upload, bytes_of(bytes, PIECE), &taken), 0);
    store_tick(fixture->store);
    wait_until_written(fixture, MANY + PIECE);
    assert_int_equal(upload_append(upload, bytes_of(bytes, PIECE), &taken), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(upload_offset(upload), MANY + 2 * PIECE);
    assert_int_equal(atomic_load(&counted_writes), 3);
    upload_close(upload);
}

enum {
    HALF_BYTES = 8 * FLOWING_BYTES, /* of the buffer */
};

static void what_is_gathered_is_kept_when_its_writer_vanishes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_flowing(upload, FLOWING_BYTES), 0);
    assert_int_equal(store_statistics(fixture->store).dirty_bytes, 0);
    upload_close(upload);

    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), FLOWING_BYTES);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), FLOWING_BYTES);
}

enum {
    SPACE_BYTES = 100000 /* not whole pages, within a half */
};

static ssize_t pwritev2_into_little_space(int fd, const struct iovec *pieces, int count,
                                          off_t offset, int flags)
{
    struct iovec first = pieces[0];

    (void)count;
    if (offset >= SPACE_BYTES) {
        errno = ENOSPC;
        return -1;
    }
    if (first.iov_len > (size_t)(SPACE_BYTES - offset))
        first.iov_len = (size_t)(SPACE_BYTES - offset);
    return os_linux.pwritev2(fd, &first, 1, offset, flags);
}

static void of_a_half_that_does_not_fit_the_beginning_counts(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.pwritev2 = pwritev2_into_little_space;
    fixture_open(fixture);
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_flowing(upload, HALF_BYTES), 0);
    assert_int_equal(upload_commit_wait(upload), REFUSED_NO_SPACE);
    assert_int_equal(upload_offset(upload), SPACE_BYTES);
    upload_close(upload);
    fixture_close(fixture);

    os.pwritev2 = os_linux.pwritev2;
    fixture_open(fixture);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), SPACE_BYTES);
    assert_int_equal(append_flowing(upload, HALF_BYTES), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), SPACE_BYTES + HALF_BYTES);
}

static atomic_bool half_held;
static atomic_int held_halves;

static ssize_t pwritev2_half_held(int fd, const struct iovec *pieces, int count, off_t offset,
                                  int flags)
{
    atomic_fetch_add(&held_halves, 1);
    while (atomic_load(&half_held))
        sched_yield();
    return os_linux.pwritev2(fd, pieces, count, offset, flags);
}

/* One half is under way, the other one is being filled. */
static struct upload *writer_of_two_halves(struct fixture *fixture, const struct upload_id *id)
{
    struct upload *upload = fixture_writer(fixture, id);

    os.pwritev2 = pwritev2_half_held;
    atomic_store(&held_halves, 0);
    atomic_store(&half_held, true);
    assert_int_equal(append_flowing(upload, HALF_BYTES), 0);
    while (atomic_load(&held_halves) == 0)
        sched_yield();
    assert_int_equal(append_flowing(upload, FLOWING_BYTES), 0);
    return upload;
}

static void who_takes_over_finds_the_half_that_was_under_way(void **state)
{
    static const struct upload_writer writer = { .patience_ms = 60 * 1000 };
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct completion completion;
    struct upload *newer = NULL;

    struct upload *older = writer_of_two_halves(fixture, &id);
    completion_init(&completion);
    assert_int_equal(
        upload_open(fixture->store, &id, &writer, &newer, completion_done(&completion)), 0);
    assert_true(upload_ended(older));
    assert_int_equal(append_flowing(older, FLOWING_BYTES), REFUSED_ENDED);
    upload_close(older);
    atomic_store(&half_held, false);

    assert_int_equal(completion_wait(&completion), 0);
    assert_int_equal(upload_offset(newer), HALF_BYTES + FLOWING_BYTES);
    upload_close(newer);
    assert_pattern(fixture_path(fixture, &id), HALF_BYTES + FLOWING_BYTES);
}

static void what_is_deleted_while_a_half_is_under_way_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct completion completion;

    struct upload *upload = writer_of_two_halves(fixture, &id);
    completion_init(&completion);
    upload_delete(upload, completion_done(&completion));
    atomic_store(&half_held, false);
    assert_int_equal(completion_wait(&completion), 0);
    upload_close(upload);

    struct upload_info info;
    assert_int_equal(upload_find_wait(fixture->store, &id, &info), REFUSED_GONE);
    fixture_close(fixture); /* waits until nothing of it is left */
    fixture_open(fixture);
    assert_int_equal(store_statistics(fixture->store).buffer_bytes, 0);
}

static void memory_is_kept_as_long_as_bytes_flow(void **state)
{
    enum {
        HALF = 512 * 1024
    };
    static const uint8_t bytes[HALF];
    struct fixture *fixture = *state;
    size_t taken;

    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_append(upload, bytes_of(bytes, HALF), &taken), 0);
    wait_until_written(fixture, HALF);
    (void)upload_offset(upload); /* whoever has written has let go of the upload */
    store_tick(fixture->store);
    assert_int_equal(store_statistics(fixture->store).buffer_bytes, 2 * HALF);
    store_tick(fixture->store);
    assert_int_equal(store_statistics(fixture->store).buffer_bytes, 0);
    upload_close(upload);
}

/* A first piece beside the header of a request is small, whatever follows. */
static void memory_for_bytes_that_flow_comes_after_a_small_piece(void **state)
{
    enum {
        SMALL = 20 * 1024,
        PIECE = 64 * 1024,
        LARGE = 1024 * 1024,
    };
    static const uint8_t bytes[PIECE];
    struct fixture *fixture = *state;
    size_t taken;

    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = fixture_writer(fixture, &id);
    os.pwritev2 = pwritev2_held;
    atomic_store(&writes_held, true);
    assert_int_equal(upload_append(upload, bytes_of(bytes, SMALL), &taken), 0);
    assert_int_equal(upload_append(upload, bytes_of(bytes, PIECE), &taken), 0);
    assert_int_equal(taken, PIECE - SMALL); /* the lane is in it: it cannot grow */
    atomic_store(&writes_held, false);
    wait_until_written(fixture, PIECE);
    wait_until_unbuffered(fixture);
    assert_int_equal(upload_append(upload, bytes_of(bytes, PIECE), &taken), 0);
    assert_int_equal(taken, PIECE);
    assert_int_equal(store_statistics(fixture->store).buffer_bytes, LARGE);
    upload_close(upload);
}

/* Who keeps it while nothing is in it has to give it to who waits, but who has waited keeps it. */
static void memory_goes_to_who_waits_and_stays_there(void **state)
{
    enum {
        PIECE = 64 * 1024,
        HALF = 512 * 1024,
    };
    static const uint8_t bytes[HALF];
    struct fixture *fixture = *state;
    struct upload *uploads[3];
    struct completion ready[3];
    size_t taken;

    fixture->options.buffer_bytes = 2 * HALF;
    fixture_reopen(fixture);
    for (size_t i = 0; i < 3; i++) {
        struct upload_id id = fixture_create(fixture, UINT64_MAX);
        uploads[i] = fixture_writer(fixture, &id);
        completion_init(&ready[i]);
    }
    assert_int_equal(upload_append(uploads[0], bytes_of(bytes, HALF), &taken), 0);
    wait_until_written(fixture, HALF);
    (void)upload_offset(uploads[0]); /* whoever has written has let go of the upload */
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(upload_append(uploads[i], bytes_of(bytes, PIECE), &taken), 0);
        assert_int_equal(taken, 0);
        upload_when_ready(uploads[i], completion_done(&ready[i]));
    }
    store_tick(fixture->store);
    assert_int_equal(completion_wait(&ready[1]), 0);
    for (int ticks = 0; ticks < 3; ticks++) /* for each of the groups that they may be in */
        store_tick(fixture->store);
    assert_int_equal(store_statistics(fixture->store).buffer_bytes, 2 * HALF);
    assert_int_equal(upload_append(uploads[1], bytes_of(bytes, PIECE), &taken), 0);
    assert_int_equal(taken, PIECE);
    upload_close(uploads[1]);
    assert_int_equal(completion_wait(&ready[2]), 0);
    upload_close(uploads[2]);
    upload_close(uploads[0]);
}

static atomic_bool commits_held;
static atomic_int held_commits;

static int sqlite_held(enum os_sqlite_call call, const char *name, uint64_t offset, size_t count)
{
    (void)name, (void)offset, (void)count;
    if (call == OS_SQLITE_WRITE && atomic_load(&commits_held))
        atomic_fetch_add(&held_commits, 1);
    while (call == OS_SQLITE_WRITE && atomic_load(&commits_held))
        sched_yield();
    return 0;
}

/* All bytes are there, and the row that says so is on its way; nobody asked for that commit. */
static struct upload *writer_whose_upload_is_being_completed(struct fixture *fixture,
                                                             struct upload_id *ret_id)
{
    fixture_close(fixture);
    atomic_store(&test_clock_ms, 1000000);
    os.monotonic_ms = test_monotonic_ms;
    os.sqlite = sqlite_held;
    fixture_open(fixture);
    *ret_id = fixture_create(fixture, 1000);
    struct upload *upload = fixture_writer(fixture, ret_id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    wait_until_written(fixture, 1000);
    atomic_store(&held_commits, 0);
    atomic_store(&commits_held, true);
    test_clock_ms += 30 * 1000;
    store_tick(fixture->store);
    while (atomic_load(&held_commits) == 0)
        sched_yield();
    return upload;
}

static void what_a_commit_by_itself_completes_is_finished(void **state)
{
    struct fixture *fixture = *state;
    struct completion finished;
    struct upload_id id;

    struct upload *upload = writer_whose_upload_is_being_completed(fixture, &id);
    completion_init(&finished);
    upload_finish(upload, completion_done(&finished));
    atomic_store(&commits_held, false);
    assert_int_equal(completion_wait(&finished), 0);
    assert_int_equal(upload_info(upload)->state, UPLOAD_COMPLETE);
    upload_close(upload);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_COMPLETE);
}

static void what_a_commit_by_itself_completes_cannot_be_invalidated(void **state)
{
    struct fixture *fixture = *state;
    struct completion invalidated;
    struct upload_id id;

    struct upload *upload = writer_whose_upload_is_being_completed(fixture, &id);
    completion_init(&invalidated);
    upload_invalidate(upload, completion_done(&invalidated));
    atomic_store(&commits_held, false);
    assert_int_equal(completion_wait(&invalidated), REFUSED_COMPLETED);
    upload_close(upload);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_COMPLETE);
}

static struct upload *ticked;
static struct fixture *ticked_fixture;

static int fstatfs_while_bytes_come(int fd, struct statfs *ret_statfs)
{
    size_t taken;

    if (ticked != NULL) {
        test_clock_ms += 1;
        assert_int_equal(upload_append(ticked, bytes_of_text("a"), &taken), 0);
        wait_until_written(ticked_fixture, 1);
    }
    return os_linux.fstatfs(fd, ret_statfs);
}

static void bytes_that_come_during_a_tick_are_not_old(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    atomic_store(&test_clock_ms, 1000000);
    os.monotonic_ms = test_monotonic_ms;
    os.fstatfs = fstatfs_while_bytes_come;
    fixture_open(fixture);
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    ticked_fixture = fixture;
    ticked = fixture_writer(fixture, &id);
    store_tick(fixture->store);
    usleep(10000); /* the sync that must not come is on another thread */
    assert_int_equal(store_statistics(fixture->store).synced_files, 0);
    upload_close(ticked);
    ticked = NULL;
}

static void commits_by_size_without_being_asked(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    fixture->options.commit_bytes = 1024 * 1024;
    fixture_reopen(fixture);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 3 * 1024 * 1024), 0);
    wait_until_durable(upload, 1024 * 1024);
    upload_close(upload);
}

/* ---- bounds ---- */

static void many_writers_share_few_files_and_little_memory(void **state)
{
    enum {
        WRITERS = 24
    };
    struct fixture *fixture = *state;
    struct upload *uploads[WRITERS];
    struct upload_id ids[WRITERS];

    fixture->options.file_count = 3;
    fixture->options.dirty_bytes = 1024 * 1024;
    fixture->options.buffer_bytes = 512 * 1024;
    fixture->options.manual = false; /* the timer commits what others wait for */
    fixture_reopen(fixture);
    for (size_t i = 0; i < WRITERS; i++) {
        ids[i] = fixture_create(fixture, UINT64_MAX);
        uploads[i] = fixture_writer(fixture, &ids[i]);
    }
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < WRITERS; i++) {
            assert_int_equal(append_pattern(uploads[i], 100000), 0);
            assert_true(store_statistics(fixture->store).open_files <= 3);
        }
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(upload_finish_wait(uploads[i]), 0);
        upload_close(uploads[i]);
        assert_pattern(fixture_path(fixture, &ids[i]), 300000);
    }
    assert_int_equal(store_statistics(fixture->store).open_files, 0);
    assert_int_equal(store_statistics(fixture->store).dirty_bytes, 0);
    assert_int_equal(store_statistics(fixture->store).buffer_bytes, 0);
}

enum {
    AT_ONCE_BYTES = 32 * 1024 /* so many are written however few files there are */
};

/* An upload whose bytes never pause: while its sync is under way the next ones come. */
static struct upload *_Atomic greedy;
static atomic_int greedy_syncs;

static int fdatasync_with_more_to_come(int fd)
{
    enum {
        LONG_ENOUGH = 50
    };
    static const uint8_t more[AT_ONCE_BYTES];
    size_t taken;

    if (atomic_fetch_add(&greedy_syncs, 1) < LONG_ENOUGH && atomic_load(&greedy) != NULL) {
        (void)upload_append(greedy, bytes_of(more, sizeof(more)), &taken);
        usleep(2000); /* time to write it, when that is let */
    }
    return os_linux.fdatasync(fd);
}

static void nobody_keeps_a_file_that_others_wait_for(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.fdatasync = fdatasync_with_more_to_come;
    fixture->options.file_count = 1;
    fixture->options.manual = false;
    fixture_open(fixture);
    struct upload_id ids[2] = { fixture_create(fixture, UINT64_MAX),
                                fixture_create(fixture, UINT64_MAX) };
    struct upload *first = fixture_writer(fixture, &ids[0]);
    struct upload *second = fixture_writer(fixture, &ids[1]);
    assert_int_equal(append_pattern(first, AT_ONCE_BYTES), 0);
    wait_until_written(fixture, AT_ONCE_BYTES);
    atomic_store(&greedy_syncs, 0);
    atomic_store(&greedy, first);

    assert_int_equal(append_pattern(second, 5), 0);
    assert_int_equal(upload_commit_wait(second), 0);
    assert_true(atomic_exchange(&greedy_syncs, 1000) < 10);
    upload_close(second);
    upload_close(first);
    fixture_close(fixture);
    atomic_store(&greedy, NULL);
}

static void a_writer_that_was_given_room_may_vanish(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct completion completion;

    struct upload *upload = fixture_writer(fixture, &id);
    completion_init(&completion);
    upload_when_ready(upload, completion_done(&completion));
    assert_int_equal(completion_wait(&completion), 0);
    upload_close(upload);
    fixture_close(fixture); /* waits until nothing of it is left */
}

static uint64_t blocks_bytes(struct fixture *fixture, const struct upload_id *id)
{
    struct stat about;

    assert_int_equal(stat(fixture_path(fixture, id), &about), 0);
    return (uint64_t)about.st_blocks * 512;
}

static void blocks_ahead_are_freed_when_no_more_bytes_come(void **state)
{
    enum {
        BYTES = 3 * 1024 * 1024
    };
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 64 * 1024 * 1024);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, BYTES), 0);
    wait_until_written(fixture, BYTES);
    assert_true(blocks_bytes(fixture, &id) > BYTES + 65536);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_true(blocks_bytes(fixture, &id) <= BYTES + 65536);

    assert_int_equal(append_pattern(upload, BYTES), 0);
    upload_close(upload);
    fixture_close(fixture);
    assert_true(blocks_bytes(fixture, &id) <= 2 * BYTES + 65536);
    assert_pattern(fixture_path(fixture, &id), 2 * BYTES);
}

static atomic_int paced_windows, waits_for_windows;

static int count_sync_file_range(int fd, off_t offset, off_t count, unsigned flags)
{
    unsigned waits = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;

    atomic_fetch_add(&paced_windows, 1);
    if ((flags & waits) != 0)
        atomic_fetch_add(&waits_for_windows, 1);
    return os_linux.sync_file_range(fd, offset, count, flags);
}

static ssize_t old_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    if (flags == 0)
        return os_linux.pwritev2(fd, pieces, count, offset, flags);
    errno = EOPNOTSUPP;
    return -1;
}

static void an_older_kernel_is_paced_by_windows(void **state)
{
    enum {
        BYTES = 30 * 1024 * 1024
    };
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.pwritev2 = old_pwritev2;
    os.sync_file_range = count_sync_file_range;
    fixture->options.commit_bytes = UINT64_C(1) << 30;
    fixture_open(fixture);
    struct upload_id id = fixture_create(fixture, BYTES);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_flowing(upload, BYTES), 0); /* small writes are plain in any kernel */
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(paced_windows, 3); /* of 8 MiB */
    assert_int_equal(waits_for_windows, 0); /* which would hide an error from the sync */
    assert_pattern(fixture_path(fixture, &id), BYTES);
}

static atomic_int refused_writes;

static ssize_t refused_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset,
                                int flags)
{
    if (atomic_fetch_sub(&refused_writes, 1) > 0) {
        errno = ENOMEM;
        return -1;
    }
    return os_linux.pwritev2(fd, pieces, count, offset, flags);
}

static void a_write_without_memory_is_no_damage(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.pwritev2 = refused_pwritev2;
    fixture_open(fixture);
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 100000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    atomic_store(&refused_writes, 1);
    (void)append_pattern(upload, 10);
    assert_int_equal(upload_commit_wait(upload), -ENOMEM);
    upload_close(upload);

    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), 100000);
    assert_int_equal(append_pattern(upload, 10), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 100010);
}

static void refuses_new_uploads_below_the_floor(void **state)
{
    struct fixture *fixture = *state;
    struct upload_creation creation = { 0 };
    struct upload_id id = { 0 };

    fixture->options.min_free_bytes = UINT64_MAX;
    fixture_reopen(fixture);
    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), REFUSED_NO_SPACE);
}

/* ---- lazy recovery ---- */

static void cuts_a_file_that_is_longer_than_its_offset(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    upload_close(upload);
    fixture_close(fixture);
    int fd = open(fixture_path(fixture, &id), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "never acknowledged", 18), 18);
    assert_int_equal(close(fd), 0);

    fixture_open(fixture);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), 1000);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 1000);
}

static void a_file_shorter_than_its_offset_is_damage(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    upload_close(upload);
    fixture_close(fixture);
    assert_int_equal(truncate(fixture_path(fixture, &id), 999), 0);

    fixture_open(fixture);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_info(upload)->state, UPLOAD_DAMAGED);
    assert_int_equal(append_pattern(upload, 1), REFUSED_DAMAGED);
    upload_close(upload);

    struct upload_info info = fixture_find(fixture, &id);
    assert_int_equal(info.state, UPLOAD_DAMAGED);
    assert_int_equal(info.offset, 1000); /* never a smaller one */
    assert_pattern(fixture_path(fixture, &id), 999);
    assert_int_equal(store_statistics(fixture->store).damaged_uploads, 1);
}

static void a_missing_file_is_damage_and_can_be_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload_info info;

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    upload_close(upload);
    fixture_reopen(fixture);
    assert_int_equal(unlink(fixture_path(fixture, &id)), 0);

    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_info(upload)->state, UPLOAD_DAMAGED);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(upload_find_wait(fixture->store, &id, &info), REFUSED_GONE);
}

/* ---- lists ---- */

static void lists_pages_from_the_newest(void **state)
{
    enum {
        UPLOADS = 7
    };
    struct fixture *fixture = *state;
    struct upload_id ids[UPLOADS];
    struct upload_info infos[3];
    struct upload_page page = { .infos = infos, .room = 3 };
    size_t seen = 0;

    for (size_t i = 0; i < UPLOADS; i++)
        ids[i] = fixture_create(fixture, i);
    do {
        assert_int_equal(upload_list_wait(fixture->store, &page), 0);
        for (size_t i = 0; i < page.count; i++, seen++) {
            assert_true(upload_id_equal(&infos[i].id, &ids[UPLOADS - 1 - seen]));
            assert_int_equal(infos[i].length, UPLOADS - 1 - seen);
        }
        upload_page_done(&page);
    } while (page.more);
    assert_int_equal(seen, UPLOADS);
}

#define UPLOAD_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UPLOAD_TEST(finds_what_was_created),
        UPLOAD_TEST(a_look_tells_who_writes_and_where_the_bytes_lie),
        UPLOAD_TEST(tells_its_path_wherever_it_was_started),
        UPLOAD_TEST(refuses_an_unknown_id),
        UPLOAD_TEST(appends_commits_and_goes_on_after_a_restart),
        UPLOAD_TEST(keeps_what_a_vanished_writer_had_appended),
        UPLOAD_TEST(takes_no_more_than_the_length),
        UPLOAD_TEST(is_complete_only_when_told_so),
        UPLOAD_TEST(the_commit_that_counts_the_last_byte_completes),
        UPLOAD_TEST(a_vanished_writer_s_last_byte_completes),
        UPLOAD_TEST(keeps_its_own_copy_of_a_response),
        UPLOAD_TEST(the_length_that_is_the_offset_completes),
        UPLOAD_TEST(staged_bytes_complete_when_they_are_committed),
        UPLOAD_TEST(completes_and_reads_an_upload_of_no_bytes),
        UPLOAD_TEST(reads_a_complete_upload_even_while_it_is_deleted),
        UPLOAD_TEST(reading_what_is_deleted_meanwhile_is_refused),
        UPLOAD_TEST(states_a_length_once),
        UPLOAD_TEST(takes_nothing_after_it_was_invalidated),
        UPLOAD_TEST(staged_bytes_count_when_they_are_committed),
        UPLOAD_TEST(staged_bytes_count_when_they_are_staged_no_more),
        UPLOAD_TEST(staged_bytes_go_when_they_are_rolled_back),
        UPLOAD_TEST(staged_bytes_go_when_their_writer_vanishes),
        UPLOAD_TEST(commits_a_little_late_and_much_soon),
        UPLOAD_TEST(bytes_that_trickle_wait_for_their_commit),
        UPLOAD_TEST(bytes_that_trickle_leave_memory_for_others),
        UPLOAD_TEST(bytes_that_flow_are_written_many_at_a_time),
        UPLOAD_TEST(what_is_gathered_is_kept_when_its_writer_vanishes),
        UPLOAD_TEST(of_a_half_that_does_not_fit_the_beginning_counts),
        UPLOAD_TEST(who_takes_over_finds_the_half_that_was_under_way),
        UPLOAD_TEST(what_is_deleted_while_a_half_is_under_way_is_gone),
        UPLOAD_TEST(memory_is_kept_as_long_as_bytes_flow),
        UPLOAD_TEST(memory_for_bytes_that_flow_comes_after_a_small_piece),
        UPLOAD_TEST(memory_goes_to_who_waits_and_stays_there),
        UPLOAD_TEST(what_a_commit_by_itself_completes_is_finished),
        UPLOAD_TEST(what_a_commit_by_itself_completes_cannot_be_invalidated),
        UPLOAD_TEST(bytes_that_come_during_a_tick_are_not_old),
        UPLOAD_TEST(commits_by_size_without_being_asked),
        UPLOAD_TEST(many_writers_share_few_files_and_little_memory),
        UPLOAD_TEST(nobody_keeps_a_file_that_others_wait_for),
        UPLOAD_TEST(a_writer_that_was_given_room_may_vanish),
        UPLOAD_TEST(blocks_ahead_are_freed_when_no_more_bytes_come),
        UPLOAD_TEST(an_older_kernel_is_paced_by_windows),
        UPLOAD_TEST(a_write_without_memory_is_no_damage),
        UPLOAD_TEST(refuses_new_uploads_below_the_floor),
        UPLOAD_TEST(cuts_a_file_that_is_longer_than_its_offset),
        UPLOAD_TEST(a_file_shorter_than_its_offset_is_damage),
        UPLOAD_TEST(a_missing_file_is_damage_and_can_be_deleted),
        UPLOAD_TEST(lists_pages_from_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
