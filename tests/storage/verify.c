/*
 * What is wrong on the disk is found and named, and nobody else is accused
 */
#include "storage/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest/digest.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

enum {
    BYTES = 300000,
    UPLOADS = 5,
};

/* ---- what is told ---- */

struct told {
    unsigned findings;
    enum verify_finding finding;
    char name[100];
    uint64_t bytes, bytes_in_all;
    void (*meanwhile)(void); /* called once, when bytes have been read */
};

static void note_finding(void *argument, enum verify_finding finding, const char *name)
{
    struct told *told = argument;

    told->findings++;
    told->finding = finding;
    (void)snprintf(told->name, sizeof(told->name), "%s", name);
}

static void note_progress(void *argument, uint64_t bytes, uint64_t bytes_in_all)
{
    struct told *told = argument;

    assert_true(bytes > told->bytes);
    assert_true(bytes <= bytes_in_all);
    told->bytes = bytes;
    told->bytes_in_all = bytes_in_all;
    if (told->meanwhile != NULL)
        told->meanwhile();
    told->meanwhile = NULL;
}

static struct verify_result verify(const char *directory, struct told *told)
{
    struct verify_options options = {
        .directory = directory,
        .found = note_finding,
        .progress = note_progress,
        .argument = told,
    };
    struct verify_result result;

    assert_int_equal(verify_run(&options, &result), 0);
    return result;
}

/* ---- a store with digests, closed ---- */

struct stock {
    struct fixture fixture;
    struct upload_id ids[UPLOADS];
};

/* As a server that keeps digests would have written it. */
static void write_digest(const struct stock *stock, const struct upload_id *id)
{
    static uint8_t bytes[BYTES];
    struct digest_value value;
    struct digest digest;
    sqlite3_stmt *update;
    char path[100];
    sqlite3 *db;

    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = pattern(i);
    digest_init(&digest, DIGEST_BLAKE2B);
    digest_update(&digest, bytes_of(bytes, BYTES));
    digest_final(&digest, &value);

    (void)snprintf(path, sizeof(path), "%s/ferry.db", stock->fixture.directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "UPDATE upload SET digest = ?1 WHERE id = ?2", -1, &update, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(update, 1, value.bytes, 64, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(update, 2, id->bytes, 16, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(update), SQLITE_DONE);
    assert_int_equal(sqlite3_changes(db), 1);
    assert_int_equal(sqlite3_finalize(update), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct upload_id make(struct fixture *fixture, bool complete)
{
    struct upload_creation creation = { .digest_algorithm = DIGEST_BLAKE2B };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, BYTES), 0);
    assert_int_equal(complete ? upload_finish_wait(upload) : upload_commit_wait(upload), 0);
    upload_close(upload);
    return id;
}

static int set_up(void **state)
{
    struct stock *stock = calloc(1, sizeof(*stock));

    assert_non_null(stock);
    stock->fixture = fixture_new();
    fixture_open(&stock->fixture);
    for (size_t i = 0; i < UPLOADS; i++)
        stock->ids[i] = make(&stock->fixture, true);
    (void)fixture_create(&stock->fixture, 10); /* without a file */
    fixture_close(&stock->fixture);
    for (size_t i = 0; i < UPLOADS; i++)
        write_digest(stock, &stock->ids[i]);
    *state = stock;
    return 0;
}

static int tear_down(void **state)
{
    struct stock *stock = *state;

    fixture_remove(&stock->fixture);
    os = os_linux;
    free(stock);
    return 0;
}

static const char *path_of(struct stock *stock, size_t number)
{
    return fixture_path(&stock->fixture, &stock->ids[number]);
}

static void flip_bit(const char *path, off_t at)
{
    uint8_t byte;

    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    assert_int_equal(close(fd), 0);
}

/* One finding of that kind, with the name of that upload's file. */
static void assert_accused(struct stock *stock, enum verify_finding finding, size_t number)
{
    struct told told = { 0 };
    struct verify_result result = verify(stock->fixture.directory, &told);

    assert_int_equal(told.findings, 1);
    assert_int_equal(told.finding, finding);
    assert_int_equal(result.findings[finding], 1);
    assert_string_equal(told.name, path_of(stock, number) + strlen(stock->fixture.directory) + 1);
}

/* ---- with the server stopped ---- */

static void nothing_is_said_against_a_sound_store(void **state)
{
    struct stock *stock = *state;
    struct told told = { 0 };
    struct verify_result result = verify(stock->fixture.directory, &told);

    assert_int_equal(told.findings, 0);
    assert_int_equal(told.bytes, UPLOADS * BYTES);
    assert_int_equal(told.bytes_in_all, UPLOADS * BYTES);
    assert_int_equal(result.uploads, UPLOADS + 1);
    assert_int_equal(result.proven, UPLOADS);
    assert_int_equal(result.bytes, UPLOADS * BYTES);
    assert_false(result.beside);
}

static void a_flipped_bit_is_found_and_named(void **state)
{
    struct stock *stock = *state;

    flip_bit(path_of(stock, 3), BYTES - 1);
    assert_accused(stock, VERIFY_DAMAGED, 3);
}

static void a_missing_file_is_named(void **state)
{
    struct stock *stock = *state;

    assert_int_equal(unlink(path_of(stock, 1)), 0);
    assert_accused(stock, VERIFY_MISSING, 1);
}

static void a_link_in_the_place_of_a_file_is_named(void **state)
{
    struct stock *stock = *state;
    char other[160];

    (void)snprintf(other, sizeof(other), "%s", path_of(stock, 1));
    assert_int_equal(unlink(path_of(stock, 2)), 0);
    assert_int_equal(symlink(other, path_of(stock, 2)), 0);
    assert_accused(stock, VERIFY_DAMAGED, 2);
}

static void a_shortened_file_is_named(void **state)
{
    struct stock *stock = *state;

    assert_int_equal(truncate(path_of(stock, 0), BYTES - 1), 0);
    assert_accused(stock, VERIFY_SHORT, 0);
}

static void an_unfinished_upload_has_to_have_its_bytes(void **state)
{
    struct stock *stock = *state;

    fixture_open(&stock->fixture);
    stock->ids[2] = make(&stock->fixture, false);
    fixture_close(&stock->fixture);
    assert_int_equal(truncate(path_of(stock, 2), BYTES + 5), 0); /* more is no offence */
    struct told told = { 0 };
    (void)verify(stock->fixture.directory, &told);
    assert_int_equal(told.findings, 0);
    assert_int_equal(truncate(path_of(stock, 2), BYTES - 5), 0);
    assert_accused(stock, VERIFY_SHORT, 2);
}

static void files_without_an_upload_are_named(void **state)
{
    static const char *const names[] = {
        "files/00/00112233445566778899aabbccddeeff", /* an id, in its directory, and unknown */
        "files/ab/notes.txt",
    };
    struct stock *stock = *state;
    char path[160];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct told told = { 0 };
        (void)snprintf(path, sizeof(path), "%s/%s", stock->fixture.directory, names[i]);
        assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
        (void)verify(stock->fixture.directory, &told);
        assert_int_equal(told.findings, 1);
        assert_int_equal(told.finding, VERIFY_ORPHAN);
        assert_string_equal(told.name, names[i]);
        assert_int_equal(unlink(path), 0);
    }
}

static void the_file_of_a_tombstone_is_an_orphan(void **state)
{
    struct stock *stock = *state;

    fixture_open(&stock->fixture);
    struct upload *upload = fixture_writer(&stock->fixture, &stock->ids[4]);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
    fixture_close(&stock->fixture);
    struct told told = { 0 };
    (void)verify(stock->fixture.directory, &told); /* deleted, and its file has to go yet */
    assert_int_equal(told.findings, 0);

    fixture_open(&stock->fixture);
    assert_int_equal(store_sweep(stock->fixture.store), 0);
    fixture_close(&stock->fixture);
    assert_int_equal(close(open(path_of(stock, 4), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    assert_accused(stock, VERIFY_ORPHAN, 4);
}

static struct store_options *other_options;

static void start_a_server(void)
{
    struct store *store;

    assert_int_equal(store_open(other_options, &store), -EBUSY);
}

static void no_server_starts_meanwhile(void **state)
{
    struct stock *stock = *state;
    struct told told = { .meanwhile = start_a_server };

    other_options = &stock->fixture.options;
    (void)verify(stock->fixture.directory, &told);
    assert_null(told.meanwhile);
}

static struct timespec changed_at(const struct stock *stock, const char *name, off_t *ret_size)
{
    struct stat about;
    char path[100];

    (void)snprintf(path, sizeof(path), "%s/%s", stock->fixture.directory, name);
    assert_int_equal(stat(path, &about), 0);
    *ret_size = about.st_size;
    return about.st_mtim;
}

static void nothing_is_written(void **state)
{
    static const char *const names[] = { ".", "lock", "ferry.db", "ferry.db-wal", "files" };
    enum {
        NAMES = sizeof(names) / sizeof(names[0])
    };
    struct stock *stock = *state;
    struct timespec before[NAMES];
    off_t sizes[NAMES], size;
    struct told told = { 0 };

    fixture_open(&stock->fixture); /* which leaves its log behind */
    fixture_close(&stock->fixture);
    for (size_t i = 0; i < NAMES; i++)
        before[i] = changed_at(stock, names[i], &sizes[i]);
    (void)verify(stock->fixture.directory, &told);
    for (size_t i = 0; i < NAMES; i++) {
        struct timespec after = changed_at(stock, names[i], &size);
        assert_int_equal(after.tv_sec, before[i].tv_sec);
        assert_int_equal(after.tv_nsec, before[i].tv_nsec);
        assert_int_equal(size, sizes[i]);
    }
}

static void what_is_no_data_directory_is_refused(void **state)
{
    struct stock *stock = *state;
    struct told told = { 0 };
    struct verify_options options = { .directory = "/proc",
                                      .found = note_finding,
                                      .argument = &told };
    struct verify_result result = { .uploads = 77 };

    (void)stock;
    assert_int_equal(verify_run(&options, &result), -ENOENT);
    options.directory = "/proc/ferry";
    assert_int_equal(verify_run(&options, &result), -ENOENT);
    assert_int_equal(result.uploads, 77);
}

/* ---- beside a server ---- */

static struct stock *busy_stock;

/* What was looked up a moment ago is deleted, and its file, too. */
static void delete_all_but_the_first(void)
{
    for (size_t i = 1; i < UPLOADS; i++) {
        struct upload *upload = fixture_writer(&busy_stock->fixture, &busy_stock->ids[i]);
        assert_int_equal(upload_delete_wait(upload), 0);
        upload_close(upload);
    }
    assert_int_equal(store_sweep(busy_stock->fixture.store), 0);
}

static void who_is_deleted_meanwhile_is_not_accused(void **state)
{
    struct told told = { .meanwhile = delete_all_but_the_first };

    busy_stock = *state;
    fixture_open(&busy_stock->fixture);
    struct verify_result result = verify(busy_stock->fixture.directory, &told);
    assert_null(told.meanwhile);
    assert_int_equal(told.findings, 0);
    assert_true(result.beside);
    assert_int_equal(result.proven, 1);
}

static atomic_bool busy_stop;

/* Creates, appends, finishes and deletes, sweeping now and then. */
static void *be_busy(void *argument)
{
    struct fixture *fixture = argument;

    for (unsigned i = 0; !atomic_load(&busy_stop); i++) {
        struct upload_id id = make(fixture, i % 2 == 0);
        struct upload *upload = fixture_writer(fixture, &id);
        if (i % 4 != 0)
            assert_int_equal(upload_delete_wait(upload), 0);
        upload_close(upload);
        assert_int_equal(store_sweep(fixture->store), 0);
    }
    return NULL;
}

static void a_busy_server_changes_nothing_about_the_verdict(void **state)
{
    struct stock *stock = *state;
    pthread_t thread;

    flip_bit(path_of(stock, 2), 12345);
    fixture_open(&stock->fixture);
    atomic_store(&busy_stop, false);
    assert_int_equal(pthread_create(&thread, NULL, be_busy, &stock->fixture), 0);
    for (int i = 0; i < 20; i++)
        assert_accused(stock, VERIFY_DAMAGED, 2);
    atomic_store(&busy_stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

#define VERIFY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VERIFY_TEST(nothing_is_said_against_a_sound_store),
        VERIFY_TEST(a_flipped_bit_is_found_and_named),
        VERIFY_TEST(a_missing_file_is_named),
        VERIFY_TEST(a_link_in_the_place_of_a_file_is_named),
        VERIFY_TEST(a_shortened_file_is_named),
        VERIFY_TEST(an_unfinished_upload_has_to_have_its_bytes),
        VERIFY_TEST(files_without_an_upload_are_named),
        VERIFY_TEST(the_file_of_a_tombstone_is_an_orphan),
        VERIFY_TEST(no_server_starts_meanwhile),
        VERIFY_TEST(nothing_is_written),
        VERIFY_TEST(what_is_no_data_directory_is_refused),
        VERIFY_TEST(who_is_deleted_meanwhile_is_not_accused),
        VERIFY_TEST(a_busy_server_changes_nothing_about_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
