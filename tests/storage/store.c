/*
 * Opening a data directory: what is ours, what is refused, what a broken disk does
 */
#include "storage/store.h"

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

#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

static int open_again(struct fixture *fixture)
{
    struct store *store = NULL;

    int r = store_open(&fixture->options, &store);
    store_close(store);
    return r;
}

/* Something done to the database while no store has it open. */
static void run_sql(struct fixture *fixture, const char *sql)
{
    char path[100];
    sqlite3 *db;

    (void)snprintf(path, sizeof(path), "%s/ferry.db", fixture->directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int full_for_sqlite(enum os_sqlite_call call, const char *name, uint64_t offset,
                           size_t count)
{
    (void)name, (void)offset, (void)count;
    return call == OS_SQLITE_WRITE ? ENOSPC : 0;
}

static void starts_on_a_full_disk_even_without_its_log(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 10);
    char path[128];

    fixture_close(fixture);
    (void)snprintf(path, sizeof(path), "%s/ferry.db-wal", fixture->directory);
    run_sql(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    (void)unlink(path);
    os.sqlite = full_for_sqlite;
    fixture_open(fixture);
    assert_int_equal(fixture_find(fixture, &id).length, 10);
}

static void keeps_a_second_server_off(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(open_again(fixture), -EBUSY);
    (void)fixture_create(fixture, 1); /* the first one is not disturbed */
    fixture_close(fixture);
    assert_int_equal(open_again(fixture), 0);
}

static void refuses_the_database_of_a_newer_ferry(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    run_sql(fixture, "PRAGMA user_version = 1000");
    assert_int_equal(open_again(fixture), -EPROTO);
    run_sql(fixture, "PRAGMA user_version = 4");
    assert_int_equal(open_again(fixture), 0);
}

extern const char schema_1_sql[]; /* see storage/schema.c */

/* What a Ferry of schema 1 left: an upload of 5 bytes that goes on, and a deleted one. */
static void make_schema_1(struct fixture *fixture)
{
    static const char *const names[] = { "ferry.db", "ferry.db-wal", "ferry.db-shm" };
    char path[100];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    run_sql(fixture, schema_1_sql);
    run_sql(fixture,
            "INSERT INTO upload (number, id, protocol, kind, length, created, digest_algorithm,"
            "                    metadata)"
            "VALUES (1, x'000102030405060708090a0b0c0d0e0f', 1, 0, 9, 1700000000, 0, x'6162'),"
            "       (2, x'00000000000000000000000000000002', 1, 0, 9, 1700000000, 0, NULL);"
            "INSERT INTO progress (number, offset, state) VALUES (1, 5, 0), (2, 5, 4);"
            "PRAGMA user_version = 1");
}

static void brings_a_database_of_schema_1_up_to_date(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id, gone;
    struct upload_info info = { 0 };
    struct store_figures figures;
    struct upload_page page = { .infos = &info, .room = 1 };

    assert_true(upload_id_parse(bytes_of_text("000102030405060708090a0b0c0d0e0f"), &id));
    assert_true(upload_id_parse(bytes_of_text("00000000000000000000000000000002"), &gone));
    fixture_close(fixture);
    make_schema_1(fixture);
    int fd = open(fixture_path(fixture, &id), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (uint64_t i = 0; i < 5; i++) {
        uint8_t byte = pattern(i);
        assert_int_equal(write(fd, &byte, 1), 1);
    }
    assert_int_equal(close(fd), 0);

    fixture->options.tombstone_s = 100;
    fixture_open(fixture);
    assert_int_equal(upload_find_wait(fixture->store, &gone, &info), REFUSED_GONE);
    assert_int_equal(store_figures_wait(fixture->store, &figures), 0);
    assert_int_equal(figures.uploads[UPLOAD_RECEIVING], 1);
    assert_int_equal(figures.uploads[UPLOAD_DELETED], 1);
    assert_int_equal(upload_list_wait(fixture->store, &page), 0);
    assert_int_equal(page.count, 1);
    upload_page_done(&page);
    assert_int_equal(upload_find_wait(fixture->store, &id, &info), 0);
    assert_int_equal(info.length, 9);
    assert_int_equal(info.offset, 5);
    assert_int_equal(info.appended, info.created); /* nobody had noted it */
    assert_int_equal(info.stated.algorithm, DIGEST_NONE);
    assert_true(bytes_equal_text(bytes_of(info.metadata, info.metadata_count), "ab"));
    upload_info_done(&info);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 4), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 9);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(upload_find_wait(fixture->store, &gone, &info), REFUSED_GONE);
}

static void refuses_the_database_of_another_program(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    run_sql(fixture, "PRAGMA application_id = 12345");
    assert_int_equal(open_again(fixture), -EPROTO);
}

static void refuses_a_corrupt_database(void **state)
{
    struct fixture *fixture = *state;
    char path[100];

    fixture_close(fixture);
    (void)snprintf(path, sizeof(path), "%s/ferry.db", fixture->directory);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "this is no database", 19, 0), 19);
    assert_int_equal(close(fd), 0);
    (void)snprintf(path, sizeof(path), "%s/ferry.db-wal", fixture->directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_again(fixture), -EUCLEAN);
}

static int statfs_of_nfs(int fd, struct statfs *ret_statfs)
{
    int r = os_linux.fstatfs(fd, ret_statfs);
    ret_statfs->f_type = 0x6969;
    return r;
}

static void refuses_a_network_file_system(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.fstatfs = statfs_of_nfs;
    assert_int_equal(open_again(fixture), -ENOTSUP);
}

static void refuses_a_directory_that_cannot_be_made(void **state)
{
    struct fixture *fixture = *state;
    struct store_options options = { .directory = "/proc/ferry" };
    struct store *store = NULL;

    (void)fixture;
    assert_int_equal(store_open(&options, &store), -ENOENT);
    assert_null(store);
}

static void nobody_else_reads_the_database(void **state)
{
    static const char *const names[] = { "ferry.db", "ferry.db-wal", "ferry.db-shm" };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct stat about;
        char path[100];

        (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, names[i]);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
    }
}

static void grows_its_log_once_and_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    struct stat about;
    char path[100];

    (void)snprintf(path, sizeof(path), "%s/ferry.db-wal", fixture->directory);
    assert_int_equal(stat(path, &about), 0);
    assert_true((uint64_t)about.st_size >= fixture->options.wal_bytes);
    for (int i = 0; i < 200; i++)
        (void)fixture_create(fixture, 1);
    fixture_reopen(fixture);
    assert_int_equal(stat(path, &about), 0);
    assert_true((uint64_t)about.st_size >= fixture->options.wal_bytes);
    assert_true((uint64_t)about.st_size < 4 * fixture->options.wal_bytes);
}

/* ---- one transaction for all who wait ---- */

enum {
    TOGETHER = 200
};

struct together {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int answered;
};

static void together_answered(void *argument, int result)
{
    struct together *together = argument;

    assert_int_equal(result, 0);
    pthread_mutex_lock(&together->mutex);
    together->answered++;
    pthread_cond_signal(&together->changed);
    pthread_mutex_unlock(&together->mutex);
}

/* The sync of the log takes its time, as on a real disk, while others queue up. */
static int slow_sync(enum os_sqlite_call call, const char *name, uint64_t offset, size_t count)
{
    (void)name, (void)offset, (void)count;
    if (call == OS_SQLITE_SYNC)
        (void)usleep(2000);
    return 0;
}

static void many_who_wait_share_a_transaction(void **state)
{
    struct fixture *fixture = *state;
    struct upload_creation creation = { 0 };
    struct upload_id ids[TOGETHER];
    struct together together = {
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
    };

    fixture_close(fixture);
    os.sqlite = slow_sync;
    fixture_open(fixture);
    for (int i = 0; i < TOGETHER; i++)
        assert_int_equal(upload_create(fixture->store, &creation, &ids[i],
                                       (struct done){ together_answered, &together }),
                         0);
    pthread_mutex_lock(&together.mutex);
    while (together.answered < TOGETHER)
        pthread_cond_wait(&together.changed, &together.mutex);
    pthread_mutex_unlock(&together.mutex);

    struct store_statistics statistics = store_statistics(fixture->store);
    assert_int_equal(statistics.committed_changes, TOGETHER);
    assert_true(statistics.committed_groups < TOGETHER / 4);
}

/* The database cannot grow, its log can; each try to write that back takes five seconds. */
static atomic_bool database_full;
static atomic_uint database_tries;
static atomic_uint_fast64_t clock_ms;

static int full_and_slow(enum os_sqlite_call call, const char *name, uint64_t offset, size_t count)
{
    (void)offset, (void)count;
    if (call != OS_SQLITE_WRITE || !atomic_load(&database_full) || strstr(name, "-wal") != NULL)
        return 0;
    atomic_fetch_add(&database_tries, 1);
    atomic_fetch_add(&clock_ms, 5000);
    return ENOSPC;
}

static uint64_t monotonic_ms(void)
{
    return atomic_load(&clock_ms);
}

static int create(struct fixture *fixture)
{
    struct upload_creation creation = { 0 };
    struct upload_id id;

    return upload_create_wait(fixture->store, &creation, &id);
}

/* What the catalog's thread does behind the answer of one is over when the next is answered. */
static unsigned tries_after_refusals(struct fixture *fixture, unsigned count)
{
    for (unsigned i = 0; i < count + 1; i++)
        assert_int_equal(create(fixture), REFUSED_NO_SPACE);
    return atomic_load(&database_tries);
}

static void a_log_that_is_written_back_in_vain_has_a_pause_after_it(void **state)
{
    struct fixture *fixture = *state;
    int r = 0;

    fixture_close(fixture);
    atomic_store(&clock_ms, 1000);
    os.monotonic_ms = monotonic_ms;
    os.sqlite = full_and_slow;
    fixture_open(fixture);
    atomic_store(&database_full, true);
    for (int i = 0; i < 1000 && r == 0; i++)
        r = create(fixture);
    assert_int_equal(r, REFUSED_NO_SPACE);

    unsigned tries = tries_after_refusals(fixture, 1);
    assert_true(tries > 0);
    assert_int_equal(tries_after_refusals(fixture, 10), tries);
    atomic_fetch_add(&clock_ms, 1000);
    assert_int_equal(tries_after_refusals(fixture, 10), tries + 1);

    atomic_store(&database_full, false);
    atomic_fetch_add(&clock_ms, 1000);
    (void)create(fixture); /* has it written back, unless the one before has */
    assert_int_equal(create(fixture), 0);
}

/* Every fifth id is the one before it once more. */
static atomic_uint random_calls;

static ssize_t repeating_getrandom(void *data, size_t count, unsigned flags)
{
    unsigned call = atomic_fetch_add(&random_calls, 1);

    (void)flags;
    memset(data, (int)(call - (call % 5 == 4)), count);
    return (ssize_t)count;
}

static void a_change_that_fails_takes_no_other_with_it(void **state)
{
    enum {
        CHANGES = 50
    };
    struct fixture *fixture = *state;
    struct upload_creation creation = { 0 };
    struct upload_id ids[CHANGES];
    struct completion completions[CHANGES];

    fixture_close(fixture);
    os.sqlite = slow_sync;
    os.getrandom = repeating_getrandom;
    fixture_open(fixture);
    for (int i = 0; i < CHANGES; i++) {
        completion_init(&completions[i]);
        assert_int_equal(
            upload_create(fixture->store, &creation, &ids[i], completion_done(&completions[i])), 0);
    }
    for (int i = 0; i < CHANGES; i++)
        assert_int_equal(completion_wait(&completions[i]), i % 5 == 4 ? -EEXIST : 0);
    for (int i = 0; i < CHANGES; i++)
        (void)fixture_find(fixture, &ids[i]);
}

/* ---- one bad file ---- */

static char bad_path[64];
static atomic_int bad_fd = -1;
static atomic_bool bad_write, bad_sync;

static int bad_openat(int directory, const char *path, int flags, mode_t mode)
{
    int fd = os_linux.openat(directory, path, flags, mode);
    if (strcmp(path, bad_path) == 0)
        atomic_store(&bad_fd, fd);
    return fd;
}

static ssize_t bad_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    errno = EIO;
    if (atomic_load(&bad_write) && fd == atomic_load(&bad_fd))
        return -1;
    return os_linux.pwritev2(fd, pieces, count, offset, flags);
}

static int bad_fdatasync(int fd)
{
    errno = EIO;
    if (atomic_load(&bad_sync) && fd == atomic_load(&bad_fd))
        return -1;
    return os_linux.fdatasync(fd);
}

static void test_one_bad_file(struct fixture *fixture, bool writes)
{
    struct upload_id bad, good;

    fixture_close(fixture);
    os.openat = bad_openat;
    os.pwritev2 = bad_pwritev2;
    os.fdatasync = bad_fdatasync;
    fixture_open(fixture);
    bad = fixture_create(fixture, UINT64_MAX);
    good = fixture_create(fixture, UINT64_MAX);
    (void)snprintf(bad_path, sizeof(bad_path), "%.2s/%s", upload_id_format(&bad).text,
                   upload_id_format(&bad).text);

    struct upload *upload = fixture_writer(fixture, &bad);
    struct upload *other = fixture_writer(fixture, &good);
    assert_int_equal(append_pattern(upload, 1000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    atomic_store(writes ? &bad_write : &bad_sync, true);
    assert_int_equal(append_pattern(upload, 1000), 0); /* taken, not yet written */
    assert_int_equal(upload_commit_wait(upload), -EIO);
    assert_int_equal(upload_offset(upload), 1000);
    atomic_store(&bad_write, false);
    atomic_store(&bad_sync, false);
    assert_int_equal(append_pattern(upload, 1), -EIO); /* never tried again */
    upload_close(upload);

    assert_int_equal(append_pattern(other, 1000), 0);
    assert_int_equal(upload_finish_wait(other), 0);
    upload_close(other);
    fixture_reopen(fixture);
    assert_int_equal(fixture_find(fixture, &bad).state, UPLOAD_DAMAGED);
    assert_int_equal(fixture_find(fixture, &bad).offset, 1000);
    assert_int_equal(fixture_find(fixture, &good).state, UPLOAD_COMPLETE);
    assert_int_equal(access(fixture_path(fixture, &bad), F_OK), 0); /* kept for a look */
}

static void a_failed_sync_damages_that_upload_only(void **state)
{
    test_one_bad_file(*state, false);
}

static void a_failed_write_damages_that_upload_only(void **state)
{
    test_one_bad_file(*state, true);
}

/* ---- a file that meets the end of the disk ---- */

static atomic_uint_fast64_t disk_end = UINT64_MAX;

static ssize_t ending_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset,
                               int flags)
{
    uint64_t left = atomic_load(&disk_end) - (uint64_t)offset;
    struct iovec piece = pieces[0].iov_len > 0 ? pieces[0] : pieces[1];

    if (atomic_load(&disk_end) == UINT64_MAX)
        return os_linux.pwritev2(fd, pieces, count, offset, flags);
    errno = ENOSPC;
    if (left == 0)
        return -1;
    if (piece.iov_len > left)
        piece.iov_len = left;
    return os_linux.pwritev2(fd, &piece, 1, offset, flags);
}

static void what_did_not_fit_is_not_complete(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.pwritev2 = ending_pwritev2;
    fixture_open(fixture);
    for (int known = 0; known < 2; known++) {
        struct upload_id id = fixture_create(fixture, known ? 9000 : UINT64_MAX);
        struct upload *upload = fixture_writer(fixture, &id);
        assert_int_equal(append_pattern(upload, 1000), 0);
        assert_int_equal(upload_commit_wait(upload), 0);
        atomic_store(&disk_end, 5000);
        (void)append_pattern(upload, 8000);
        assert_int_equal(upload_finish_wait(upload), REFUSED_NO_SPACE);
        assert_int_equal(upload_offset(upload), 5000);
        assert_int_equal(append_pattern(upload, 1), REFUSED_NO_SPACE);
        upload_close(upload);
        assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_RECEIVING);

        atomic_store(&disk_end, UINT64_MAX);
        upload = fixture_writer(fixture, &id);
        assert_int_equal(append_pattern(upload, 4000), 0);
        assert_int_equal(upload_finish_wait(upload), 0);
        upload_close(upload);
        assert_pattern(fixture_path(fixture, &id), 9000);
    }
}

static int full_fdatasync(int fd)
{
    errno = ENOSPC;
    return atomic_load(&bad_sync) ? -1 : os_linux.fdatasync(fd);
}

static void a_sync_without_space_leaves_the_last_offset(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    os.fdatasync = full_fdatasync;
    fixture_open(fixture);
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    atomic_store(&bad_sync, true);
    assert_int_equal(append_pattern(upload, 3000), 0);
    assert_int_equal(upload_commit_wait(upload), REFUSED_NO_SPACE);
    atomic_store(&bad_sync, false);
    assert_int_equal(upload_offset(upload), 1000);
    upload_close(upload);

    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_info(upload)->state, UPLOAD_RECEIVING);
    assert_int_equal(append_pattern(upload, 3000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 4000);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(starts_on_a_full_disk_even_without_its_log),
        STORE_TEST(keeps_a_second_server_off),
        STORE_TEST(refuses_the_database_of_a_newer_ferry),
        STORE_TEST(brings_a_database_of_schema_1_up_to_date),
        STORE_TEST(refuses_the_database_of_another_program),
        STORE_TEST(refuses_a_corrupt_database),
        STORE_TEST(refuses_a_network_file_system),
        STORE_TEST(refuses_a_directory_that_cannot_be_made),
        STORE_TEST(nobody_else_reads_the_database),
        STORE_TEST(grows_its_log_once_and_keeps_it),
        STORE_TEST(many_who_wait_share_a_transaction),
        STORE_TEST(a_log_that_is_written_back_in_vain_has_a_pause_after_it),
        STORE_TEST(a_change_that_fails_takes_no_other_with_it),
        STORE_TEST(a_failed_sync_damages_that_upload_only),
        STORE_TEST(a_failed_write_damages_that_upload_only),
        STORE_TEST(what_did_not_fit_is_not_complete),
        STORE_TEST(a_sync_without_space_leaves_the_last_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
