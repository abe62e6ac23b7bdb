/*
 * The order of the calls, proven from a log of them
 *
 * The log is replayed against a machine that forgets, at any moment, everything that was not
 * synced. Each promise that the store made to the test is a line in the log; at each such line
 * the machine says whether what was promised would outlive a power cut.
 *
 *     order             all of it must hold
 *     order must-fail   built with a seeded bug (storage/seeded.h): one of it must not
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/refusal.h"
#include "digest/digest.h"
#include "storage/os.h"
#include "tests/storage/calls.h"
#include "tests/storage/fixture.h"

enum {
    FILE_COUNT = 16
};

/* ---- the machine that forgets ---- */

/* One upload's file, in bytes from its start: uploads are written from start to end. */
struct machine_file {
    char path[80];
    bool entry_synced; /* its name in the directory is on the disk */
    bool exists;
    uint64_t written; /* by writes that have ended */
    uint64_t covered; /* written, when the sync that is under way began */
    uint64_t covered_by_all; /* the same of syncfs */
    bool named_by_all;
    uint64_t synced;
    uint64_t in_log;    /* synced, when the transaction in the log was written */
    uint64_t committed; /* in_log, when the log was synced */
};

struct machine {
    struct machine_file files[FILE_COUNT];
    size_t count;
    bool log_dirty;        /* frames were written that are not synced */
    uint64_t transactions; /* synced ones */
};

static struct machine_file *machine_file(struct machine *machine, const char *path)
{
    for (size_t i = 0; i < machine->count; i++)
        if (strcmp(machine->files[i].path, path) == 0)
            return &machine->files[i];

    assert_true(machine->count < FILE_COUNT);
    struct machine_file *file = &machine->files[machine->count++];
    (void)snprintf(file->path, sizeof(file->path), "%s", path);
    return file;
}

/* "xx/id" is an upload's file; everything else has another name. */
static bool is_upload(const char *path)
{
    return strlen(path) == 35 && path[2] == '/';
}

/* What a transaction may count on: bytes and name are on the disk before its frames are written. */
static void machine_log_write(struct machine *machine)
{
    if (machine->log_dirty)
        return;
    machine->log_dirty = true;
    for (size_t i = 0; i < machine->count; i++) {
        struct machine_file *file = &machine->files[i];
        file->in_log = file->entry_synced ? file->synced : 0;
    }
}

static void machine_log_sync(struct machine *machine)
{
    if (!machine->log_dirty)
        return;
    machine->log_dirty = false;
    machine->transactions++;
    for (size_t i = 0; i < machine->count; i++)
        machine->files[i].committed = machine->files[i].in_log;
}

static void machine_sync_directory(struct machine *machine, const char *shard)
{
    for (size_t i = 0; i < machine->count; i++)
        if (strncmp(machine->files[i].path, shard, 2) == 0 && strlen(shard) == 2)
            machine->files[i].entry_synced = true;
}

static void machine_begin_sync_all(struct machine *machine)
{
    for (size_t i = 0; i < machine->count; i++) {
        machine->files[i].covered_by_all = machine->files[i].written;
        machine->files[i].named_by_all = machine->files[i].exists;
    }
}

static void machine_end_sync_all(struct machine *machine)
{
    for (size_t i = 0; i < machine->count; i++) {
        struct machine_file *file = &machine->files[i];
        if (file->synced < file->covered_by_all)
            file->synced = file->covered_by_all;
        file->entry_synced |= file->named_by_all && file->exists;
    }
}

static void machine_run_file(struct machine *machine, const struct call *call)
{
    if (!is_upload(call->path))
        return;
    struct machine_file *file = machine_file(machine, call->path);
    uint64_t end = call->offset + call->count;

    switch ((int)call->kind) {
    case CALL_CREATE: file->exists = true; break;
    case CALL_WRITE_END: file->written = end > file->written ? end : file->written; break;
    case CALL_SYNC_BEGIN: file->covered = file->written; break;
    case CALL_SYNC_END: file->synced = file->covered; break;
    case CALL_UNLINK: file->entry_synced = file->exists = false; break;
    case CALL_CUT:
        file->written = call->offset;
        if (file->synced > call->offset)
            file->synced = call->offset;
        break;
    default: break;
    }
}

static void machine_run(struct machine *machine, const struct call *call)
{
    switch ((int)call->kind) {
    case CALL_LOG_WRITE: machine_log_write(machine); break;
    case CALL_LOG_SYNC: machine_log_sync(machine); break;
    case CALL_SYNC_DIRECTORY: machine_sync_directory(machine, call->path); break;
    case CALL_SYNC_ALL_BEGIN: machine_begin_sync_all(machine); break;
    case CALL_SYNC_ALL_END: machine_end_sync_all(machine); break;
    default: machine_run_file(machine, call); break;
    }
}

/* ---- what the tests do ---- */

static const char *file_path_of(const struct upload_id *id)
{
    static char path[40];
    struct upload_id_text text = upload_id_format(id);

    (void)snprintf(path, sizeof(path), "%.2s/%s", text.text, text.text);
    return path;
}

/* A store that was set up before, so that the log holds the uploads' calls alone. */
static struct fixture logged_fixture(void)
{
    struct fixture fixture = fixture_new();

    fixture_open(&fixture);
    fixture_close(&fixture);
    calls_start();
    fixture_open(&fixture);
    return fixture;
}

static struct upload_id create_with_digest(struct fixture *fixture)
{
    struct upload_creation creation = { .digest_algorithm = DIGEST_BLAKE2B };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    return id;
}

/* Of a complete upload. */
static void check_digest(const struct upload_info *info)
{
    struct digest digest;
    struct digest_value value;

    digest_init(&digest, DIGEST_BLAKE2B);
    for (uint64_t i = 0; i < info->length; i++)
        digest_update(&digest, bytes_of(&(uint8_t){ pattern(i) }, 1));
    digest_final(&digest, &value);
    assert_true(digest_value_equal(&value, &info->digest));
}

static void promise(struct upload *upload)
{
    const struct upload_info *info = upload_info(upload);
    calls_mark(file_path_of(&info->id), upload_offset(upload));
}

/*
 * The promise goes into the log by the very call that makes it, on the thread of storage: so its
 * place in the log is no matter of luck.
 */
struct promising {
    struct upload *upload;
    struct completion completion;
};

static void promised(void *argument, int result)
{
    struct promising *promising = argument;

    promise(promising->upload);
    done_call(completion_done(&promising->completion), result);
}

static int promise_by(void (*ask)(struct upload *upload, struct done done), struct upload *upload)
{
    struct promising promising = { .upload = upload };

    completion_init(&promising.completion);
    ask(upload, (struct done){ .call = promised, .argument = &promising });
    return completion_wait(&promising.completion);
}

/* Holds the machine to every promise of an offset in the log; the result is their number. */
static unsigned check_promises(void)
{
    struct machine machine = { 0 };
    unsigned promises = 0;
    size_t count;

    const struct call *calls = calls_list(&count);
    for (size_t i = 0; i < count; i++) {
        machine_run(&machine, &calls[i]);
        if (calls[i].kind != CALL_MARK || !is_upload(calls[i].path))
            continue;
        struct machine_file *file = machine_file(&machine, calls[i].path);
        if (file->committed < calls[i].offset)
            fail_msg("promised offset %llu, a power cut leaves %llu",
                     (unsigned long long)calls[i].offset, (unsigned long long)file->committed);
        promises++;
    }
    return promises;
}

static size_t find_call(enum call_kind kind, const char *path, size_t from)
{
    size_t count;

    const struct call *calls = calls_list(&count);
    for (size_t i = from; i < count; i++)
        if (calls[i].kind == kind && (path == NULL || strcmp(calls[i].path, path) == 0))
            return i;
    fail_msg("call %d of %s is missing after %zu", (int)kind, path == NULL ? "any" : path, from);
    return 0;
}

static size_t count_calls(enum call_kind kind, const char *path, size_t from, size_t to)
{
    size_t count, found = 0;

    const struct call *calls = calls_list(&count);
    for (size_t i = from; i < to; i++)
        found += calls[i].kind == kind && (path == NULL || strcmp(calls[i].path, path) == 0);
    return found;
}

/* ---- the tests ---- */

static void every_offset_that_is_told_would_outlive_a_power_cut(void **state)
{
    struct fixture fixture = logged_fixture();
    struct upload_id id = create_with_digest(&fixture);

    (void)state;
    struct upload *upload = fixture_writer(&fixture, &id);
    for (size_t bytes = 1; bytes < 1000000; bytes *= 7) {
        assert_int_equal(append_pattern(upload, bytes), 0);
        promise(upload); /* whatever is durable by now */
        assert_int_equal(promise_by(upload_commit, upload), 0);
    }
    upload_close(upload);

    upload = fixture_writer(&fixture, &id);
    promise(upload);
    assert_int_equal(append_pattern(upload, 5000), 0);
    assert_int_equal(promise_by(upload_finish, upload), 0);
    check_digest(upload_info(upload));
    upload_close(upload);
    fixture_close(&fixture);

    assert_int_equal(check_promises(), 2 * 8 + 2);
    calls_stop();
    fixture_remove(&fixture);
}

static void the_last_commit_of_a_vanished_writer_is_none_the_less_in_order(void **state)
{
    struct fixture fixture = logged_fixture();
    struct upload_id ids[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        ids[i] = fixture_create(&fixture, UINT64_MAX);
        struct upload *upload = fixture_writer(&fixture, &ids[i]);
        assert_int_equal(append_pattern(upload, 400000), 0);
        upload_close(upload);
    }
    for (int i = 0; i < 5; i++) {
        struct upload *upload = fixture_writer(&fixture, &ids[i]);
        assert_int_equal(upload_offset(upload), 400000);
        promise(upload);
        upload_close(upload);
    }
    fixture_close(&fixture);

    assert_int_equal(check_promises(), 5);
    calls_stop();
    fixture_remove(&fixture);
}

static atomic_uint_fast64_t test_clock_ms;

static uint64_t test_monotonic_ms(void)
{
    return atomic_load(&test_clock_ms);
}

/* Commits that nobody asks for: bytes and names of all by one syncfs, then the rows. */
static void what_is_synced_together_is_counted_afterwards(void **state)
{
    enum {
        UPLOADS = 6
    };
    struct fixture fixture = logged_fixture();
    struct upload *uploads[UPLOADS];
    size_t count;

    (void)state;
    fixture_close(&fixture);
    os.monotonic_ms = test_monotonic_ms;
    fixture_open(&fixture);
    for (size_t i = 0; i < UPLOADS; i++) {
        struct upload_id id = fixture_create(&fixture, UINT64_MAX);
        uploads[i] = fixture_writer(&fixture, &id);
    }
    for (uint64_t round = 1; round <= 3; round++) {
        for (size_t i = 0; i < UPLOADS; i++)
            assert_int_equal(append_pattern(uploads[i], 3000), 0);
        while (store_statistics(fixture.store).dirty_bytes < UPLOADS * 3000)
            usleep(1000);
        atomic_fetch_add(&test_clock_ms, 30 * 1000);
        store_tick(fixture.store);
        for (size_t i = 0; i < UPLOADS; i++) {
            while (upload_offset(uploads[i]) < round * 3000) {
                store_tick(fixture.store); /* the one before may have found the batch busy */
                usleep(1000);
            }
            promise(uploads[i]);
        }
    }
    for (size_t i = 0; i < UPLOADS; i++)
        upload_close(uploads[i]);
    fixture_close(&fixture);

    assert_int_equal(check_promises(), 3 * UPLOADS);
    (void)calls_list(&count);
    assert_int_equal(count_calls(CALL_SYNC_ALL_END, NULL, 0, count), 3);
    assert_int_equal(count_calls(CALL_SYNC_BEGIN, NULL, 0, count), 0);
    calls_stop();
    fixture_remove(&fixture);
}

/* The same, asked for and answered. */
static void what_many_wait_for_is_synced_before_they_are_told(void **state)
{
    enum {
        UPLOADS = 6
    };
    struct fixture fixture = logged_fixture();
    struct upload *uploads[UPLOADS];
    struct completion completions[UPLOADS];
    size_t count;

    (void)state;
    fixture_close(&fixture);
    os.monotonic_ms = test_monotonic_ms; /* syncfs is never late */
    fixture.options.commit_together = 1;
    fixture_open(&fixture);
    for (size_t i = 0; i < UPLOADS; i++) {
        struct upload_id id = fixture_create(&fixture, UINT64_MAX);
        uploads[i] = fixture_writer(&fixture, &id);
    }
    for (uint64_t round = 1; round <= 3; round++) {
        for (size_t i = 0; i < UPLOADS; i++) {
            assert_int_equal(append_pattern(uploads[i], 3000), 0);
            completion_init(&completions[i]);
            upload_commit(uploads[i], completion_done(&completions[i]));
        }
        for (size_t i = 0; i < UPLOADS; i++) {
            assert_int_equal(completion_wait(&completions[i]), 0);
            promise(uploads[i]);
        }
    }
    for (size_t i = 0; i < UPLOADS; i++)
        upload_close(uploads[i]);
    fixture_close(&fixture);

    assert_int_equal(check_promises(), 3 * UPLOADS);
    (void)calls_list(&count);
    assert_true(count_calls(CALL_SYNC_ALL_END, NULL, 0, count) >= 3);
    assert_int_equal(count_calls(CALL_SYNC_BEGIN, NULL, 0, count), 0);
    calls_stop();
    fixture_remove(&fixture);
}

static void staged_bytes_are_told_after_their_row_is_on_the_disk(void **state)
{
    struct fixture fixture = logged_fixture();
    struct upload_id id = create_with_digest(&fixture);
    const struct digest_value checksum = { .algorithm = DIGEST_CRC32 };

    (void)state;
    struct upload *upload = fixture_writer(&fixture, &id);
    upload_stage(upload, DIGEST_CRC32);
    assert_int_equal(append_pattern(upload, 3000), 0);
    assert_int_equal(upload_verify_wait(upload, &checksum), REFUSED_CHECKSUM_MISMATCH);
    assert_int_equal(promise_by(upload_rollback, upload), 0);
    assert_int_equal(append_pattern(upload, 4000), 0);
    assert_int_equal(promise_by(upload_commit, upload), 0);
    assert_int_equal(promise_by(upload_finish, upload), 0);
    check_digest(upload_info(upload));
    upload_close(upload);
    fixture_close(&fixture);

    assert_int_equal(check_promises(), 3);
    calls_stop();
    fixture_remove(&fixture);
}

static void an_upload_exists_before_its_creation_is_answered(void **state)
{
    struct fixture fixture = logged_fixture();
    size_t count;

    (void)state;
    calls_mark("create", 0);
    (void)fixture_create(&fixture, 10);
    calls_mark("created", 0);
    fixture_close(&fixture);

    size_t asked = find_call(CALL_MARK, "create", 0);
    size_t written = find_call(CALL_LOG_WRITE, NULL, asked);
    size_t synced = find_call(CALL_LOG_SYNC, NULL, written);
    assert_true(synced < find_call(CALL_MARK, "created", 0));
    (void)calls_list(&count);
    assert_int_equal(count_calls(CALL_CREATE, NULL, asked, count), 0); /* no file yet */

    calls_stop();
    fixture_remove(&fixture);
}

/* Tombstone, unlink, fsync(directory), row: nothing is forgotten, nothing comes back. */
static void deletion_takes_its_four_steps_in_order(void **state)
{
    struct fixture fixture = logged_fixture();
    struct upload_id id = fixture_create(&fixture, UINT64_MAX);
    char path[40], shard[3];
    size_t count;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s", file_path_of(&id));
    (void)snprintf(shard, sizeof(shard), "%.2s", path);
    struct upload *upload = fixture_writer(&fixture, &id);
    assert_int_equal(append_pattern(upload, 5000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    calls_mark("delete", 0);
    assert_int_equal(upload_delete_wait(upload), 0);
    calls_mark("deleted", 0);
    upload_close(upload);
    assert_int_equal(store_sweep(fixture.store), 0);
    calls_mark("swept", 0);
    fixture_close(&fixture);

    size_t asked = find_call(CALL_MARK, "delete", 0);
    size_t tombstone = find_call(CALL_LOG_SYNC, NULL, find_call(CALL_LOG_WRITE, NULL, asked));
    size_t answered = find_call(CALL_MARK, "deleted", asked);
    size_t unlinked = find_call(CALL_UNLINK, path, 0);
    size_t synced = find_call(CALL_SYNC_DIRECTORY, shard, unlinked);
    size_t swept = find_call(CALL_MARK, "swept", 0);
    assert_true(tombstone < answered);
    assert_true(tombstone < unlinked);
    assert_int_equal(count_calls(CALL_LOG_WRITE, NULL, unlinked, synced), 0);
    assert_true(count_calls(CALL_LOG_SYNC, NULL, synced, swept) > 0);
    (void)calls_list(&count);
    assert_int_equal(count_calls(CALL_CREATE, path, unlinked, count), 0);

    calls_stop();
    fixture_remove(&fixture);
}

/* A part with bytes in it, complete, of the pattern from its beginning. */
static struct upload_id logged_part(struct fixture *fixture, size_t count)
{
    const struct upload_creation creation = { .kind = UPLOAD_PARTIAL,
                                              .length_known = true,
                                              .length = count };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, count), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    return id;
}

/* Copy, fdatasync(file), fsync(directory), row: only then the files of the parts go. */
static void a_final_is_one_file_on_the_disk_before_its_parts_go(void **state)
{
    struct fixture fixture = logged_fixture();
    char path[40], shard[3];

    (void)state;
    fixture.options.materialise = true;
    fixture_reopen(&fixture);
    const struct upload_id parts[] = { logged_part(&fixture, 5000), logged_part(&fixture, 7000) };
    const struct upload_concatenation concatenation = { .parts = parts, .part_count = 2 };
    struct upload_id id;
    assert_int_equal(upload_concatenate_wait(fixture.store, &concatenation, &id), 0);
    (void)snprintf(path, sizeof(path), "%s", file_path_of(&id));
    (void)snprintf(shard, sizeof(shard), "%.2s", path);
    calls_mark("sweep", 0);
    assert_int_equal(store_sweep(fixture.store), 0);
    calls_mark("swept", 0);
    fixture_close(&fixture);

    size_t asked = find_call(CALL_MARK, "sweep", 0);
    size_t swept = find_call(CALL_MARK, "swept", asked);
    size_t first = find_call(CALL_WRITE_END, path, asked);
    size_t second = find_call(CALL_WRITE_END, path, first + 1);
    size_t begun = find_call(CALL_SYNC_BEGIN, path, second);
    size_t synced = find_call(CALL_SYNC_END, path, begun);
    size_t named = find_call(CALL_SYNC_DIRECTORY, shard, synced);
    size_t row = find_call(CALL_LOG_SYNC, NULL, find_call(CALL_LOG_WRITE, NULL, named));
    assert_int_equal(count_calls(CALL_LOG_WRITE, NULL, asked, named), 0);
    assert_int_equal(count_calls(CALL_WRITE_END, path, begun, swept), 0);
    assert_int_equal(count_calls(CALL_UNLINK, NULL, asked, row), 0);
    for (int i = 0; i < 2; i++)
        assert_true(find_call(CALL_UNLINK, file_path_of(&parts[i]), row) < swept);

    calls_stop();
    fixture_remove(&fixture);
}

static void the_first_start_syncs_its_directories_before_the_database(void **state)
{
    struct fixture fixture = fixture_new();
    size_t count;

    (void)state;
    calls_start();
    fixture_open(&fixture);
    fixture_close(&fixture);

    size_t opened = find_call(CALL_DATABASE_OPEN, "ferry.db", 0);
    size_t files = find_call(CALL_SYNC_DIRECTORY, "files", 0);
    size_t root = find_call(CALL_SYNC_DIRECTORY, fixture.directory, files);
    size_t parent = find_call(CALL_SYNC_DIRECTORY, "..", root);
    assert_int_equal(count_calls(CALL_MKDIR, NULL, 0, files), 1 + 256);
    assert_true(parent < opened);
    (void)calls_list(&count);
    assert_int_equal(count_calls(CALL_SYNC_DIRECTORY, fixture.directory, opened, count), 1);

    calls_stop();
    fixture_remove(&fixture);
}

/* What it has left in its log can be read, and a power cut would still take it away. */
static void the_start_after_a_kill_syncs_the_log_first(void **state)
{
    struct fixture fixture = fixture_new();
    int status;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)setenv("CMOCKA_TEST_ABORT", "1", 1);
        fixture_open(&fixture);
        (void)fixture_create(&fixture, 10);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    calls_start();
    fixture_open(&fixture);
    calls_mark("open", 0);
    fixture_close(&fixture);
    size_t synced = find_call(CALL_LOG_SYNC, NULL, 0);
    assert_true(synced < find_call(CALL_DATABASE_WRITE, NULL, 0));
    assert_true(synced < find_call(CALL_MARK, "open", 0));
    calls_stop();
    fixture_remove(&fixture);
}

/* A checkpoint overwrites the database: the frames that can repair it must be on the disk. */
static void a_checkpoint_finds_its_log_synced(void **state)
{
    struct fixture fixture = logged_fixture();
    bool dirty = false;
    size_t count, writes = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        (void)fixture_create(&fixture, 10);
    fixture_close(&fixture);

    const struct call *calls = calls_list(&count);
    for (size_t i = 0; i < count; i++) {
        if (calls[i].kind == CALL_LOG_WRITE)
            dirty = true;
        if (calls[i].kind == CALL_LOG_SYNC)
            dirty = false;
        if (calls[i].kind == CALL_DATABASE_WRITE) {
            assert_false(dirty);
            writes++;
        }
    }
    assert_true(writes > 0);
    calls_stop();
    fixture_remove(&fixture);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_offset_that_is_told_would_outlive_a_power_cut),
        cmocka_unit_test(the_last_commit_of_a_vanished_writer_is_none_the_less_in_order),
        cmocka_unit_test(what_is_synced_together_is_counted_afterwards),
        cmocka_unit_test(what_many_wait_for_is_synced_before_they_are_told),
        cmocka_unit_test(staged_bytes_are_told_after_their_row_is_on_the_disk),
        cmocka_unit_test(an_upload_exists_before_its_creation_is_answered),
        cmocka_unit_test(deletion_takes_its_four_steps_in_order),
        cmocka_unit_test(a_final_is_one_file_on_the_disk_before_its_parts_go),
        cmocka_unit_test(the_first_start_syncs_its_directories_before_the_database),
        cmocka_unit_test(the_start_after_a_kill_syncs_the_log_first),
        cmocka_unit_test(a_checkpoint_finds_its_log_synced),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (argc == 2 && strcmp(argv[1], "must-fail") == 0)
        return failed > 0 ? 0 : 1;
    return failed;
}
