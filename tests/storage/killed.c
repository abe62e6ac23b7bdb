/*
 * A sweep that is killed at any of its calls leaves no row without a reason and no file without a row, and
 * a final that is made, completed, made one file and deleted leaves its old state or its new one
 *
 * A child process opens a store in which uploads of every kind have to go, and sweeps; SIGKILL meets
 * it before its n-th call to the world, n = 1, 2, 3 ... until it comes through. The parent looks at
 * what is left, then sweeps, too, and must find what an undisturbed sweep leaves.
 */
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fault.h"
#include "tests/storage/fixture.h"

enum {
    EXPIRE_AFTER_S = 800,
    TOMBSTONE_S = 2000,
    BYTES = 3000,
};

/* What the uploads of the store are. */
enum part {
    COMPLETE, /* stays */
    FRESH,    /* stays */
    EXPIRED,
    EXPIRED_EMPTY,   /* without a file */
    EXPIRED_PARTIAL, /* a complete part of nothing */
    DELETED,
    DELETED_TOO,
    FORGOTTEN, /* whose tombstone is over */
    PARTS,
};

static int64_t now_s;

static int64_t realtime_s(void)
{
    return now_s;
}

static uint64_t monotonic_ms(void)
{
    return (uint64_t)now_s * 1000;
}

/* ---- the store ---- */

static struct upload_id make(struct fixture *fixture, enum part part)
{
    struct upload_creation creation = {
        .kind = part == EXPIRED_PARTIAL ? UPLOAD_PARTIAL : UPLOAD_SINGLE,
    };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    if (part == EXPIRED_EMPTY)
        return id;

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, BYTES), 0);
    if (part == COMPLETE || part == EXPIRED_PARTIAL)
        assert_int_equal(upload_finish_wait(upload), 0);
    else if (part == DELETED || part == DELETED_TOO || part == FORGOTTEN)
        assert_int_equal(upload_delete_wait(upload), 0);
    else
        assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    return id;
}

static struct fixture make_all(struct upload_id ids[PARTS])
{
    struct fixture fixture = fixture_new();

    fixture.options.io_threads = fixture.options.sync_threads = 1;
    fixture.options.tombstone_s = 1;
    fixture_open(&fixture);
    ids[FORGOTTEN] = make(&fixture, FORGOTTEN);
    assert_int_equal(store_sweep(fixture.store), 0);

    fixture.options.tombstone_s = TOMBSTONE_S;
    fixture.options.expire_after_s = 100 * EXPIRE_AFTER_S;
    fixture_reopen(&fixture);
    ids[FRESH] = make(&fixture, FRESH);

    fixture.options.expire_after_s = EXPIRE_AFTER_S;
    fixture_reopen(&fixture);
    for (int part = 0; part < PARTS; part++)
        if (part != FORGOTTEN && part != FRESH)
            ids[part] = make(&fixture, (enum part)part);
    fixture_close(&fixture);
    return fixture;
}

/* ---- the child ---- */

static void child_sweep(struct fixture *fixture, unsigned long nth)
{
    atomic_bool fatal;

    fault_arm(FAULT_KILL, nth, false, &fatal);
    fixture_open(fixture);
    now_s += EXPIRE_AFTER_S;
    assert_int_equal(store_sweep(fixture->store), 0);
    fixture_close(fixture);
    exit(0);
}

/* True: it was killed. */
static bool child_run(struct fixture *fixture, unsigned long nth)
{
    int status;

    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_sweep(fixture, nth);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    return status != 0;
}

/* ---- what is left ---- */

static int64_t ask(const struct fixture *fixture, const char *sql)
{
    sqlite3_stmt *statement;
    char path[100];
    sqlite3 *db;

    (void)snprintf(path, sizeof(path), "%s/ferry.db", fixture->directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

static void expect_row(const struct fixture *fixture, const char *id)
{
    char sql[120];

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM upload WHERE id = x'%.32s'", id);
    assert_int_equal(ask(fixture, sql), 1);
}

/* How many files there are; each has a row. */
static unsigned count_files(const struct fixture *fixture)
{
    unsigned count = 0;
    char path[100];

    for (unsigned shard = 0; shard < 256; shard++) {
        struct dirent *entry;

        (void)snprintf(path, sizeof(path), "%s/files/%02x", fixture->directory, shard);
        DIR *directory = opendir(path);
        assert_non_null(directory);
        while ((entry = readdir(directory)) != NULL)
            if (entry->d_name[0] != '.') {
                expect_row(fixture, entry->d_name);
                count++;
            }
        (void)closedir(directory);
    }
    return count;
}

static int find(struct fixture *fixture, const struct upload_id *id)
{
    struct upload_info info = { 0 };

    int r = upload_find_wait(fixture->store, id, &info);
    upload_info_done(&info);
    return r;
}

/* Whoever is told of is whole, and nobody comes back. */
static void check_after_the_kill(struct fixture *fixture, const struct upload_id ids[PARTS])
{
    for (int part = 0; part < PARTS; part++) {
        int r = find(fixture, &ids[part]);
        bool stays = part == COMPLETE || part == FRESH;
        bool was_gone = part == DELETED || part == DELETED_TOO;

        if (part == FORGOTTEN)
            assert_true(r == REFUSED_GONE || r == REFUSED_UNKNOWN_UPLOAD);
        else
            assert_true((r == 0 && !was_gone) || (r == REFUSED_GONE && !stays));
        if (r == 0 && part != EXPIRED_EMPTY)
            assert_pattern(fixture_path(fixture, &ids[part]), BYTES);
    }
}

static void check_after_the_next_sweep(struct fixture *fixture, const struct upload_id ids[PARTS])
{
    now_s += EXPIRE_AFTER_S;
    assert_int_equal(store_sweep(fixture->store), 0);
    for (int part = 0; part < PARTS; part++) {
        bool stays = part == COMPLETE || part == FRESH;
        int expected = stays ? 0 : part == FORGOTTEN ? REFUSED_UNKNOWN_UPLOAD : REFUSED_GONE;
        assert_int_equal(find(fixture, &ids[part]), expected);
    }
    fixture_close(fixture);
    assert_int_equal(count_files(fixture), 2);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM upload"), 2);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM progress WHERE state < 2"), 2);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM progress"), 2);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM tombstone"), 5);
}

static void a_sweep_that_is_killed_anywhere_is_completed_by_the_next(void **state)
{
    struct upload_id ids[PARTS];
    unsigned long nth = 0;
    bool killed = true;

    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    while (killed) {
        now_s = 1700000000;
        os.realtime_s = realtime_s;
        os.monotonic_ms = monotonic_ms;
        struct fixture fixture = make_all(ids);
        killed = child_run(&fixture, ++nth);
        (void)count_files(&fixture);
        fixture_open(&fixture);
        check_after_the_kill(&fixture, ids);
        check_after_the_next_sweep(&fixture, ids);
        fixture_remove(&fixture);
    }
    print_message("# a child that nobody kills makes %lu calls\n", nth - 1);
    assert_true(nth > 50);
}

/* ---- finals ---- */

/* What the child has been told, in memory that outlives it. */
struct told {
    struct upload_id parts[2], final;
    bool joined, completed, deleted;
};

static void child_final(struct fixture *fixture, struct told *told, unsigned long nth)
{
    struct upload_concatenation concatenation = { .parts = told->parts, .part_count = 2 };
    struct upload_id id;
    atomic_bool fatal;

    fault_arm(FAULT_KILL, nth, false, &fatal);
    fixture_open(fixture);
    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &id), 0);
    told->final = id;
    told->joined = true;
    struct upload *upload = fixture_writer(fixture, &told->parts[1]);
    assert_int_equal(append_pattern(upload, BYTES), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    told->completed = true;
    assert_int_equal(store_sweep(fixture->store), 0); /* it becomes one file */

    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_delete_wait(upload), 0);
    told->deleted = true;
    upload_close(upload);
    assert_int_equal(store_sweep(fixture->store), 0);
    fixture_close(fixture);
    exit(0);
}

static struct fixture make_parts(struct told *told)
{
    struct upload_creation creation = { .kind = UPLOAD_PARTIAL };
    struct fixture fixture = fixture_new();

    fixture.options.io_threads = fixture.options.sync_threads = 1;
    fixture.options.expire_after_s = EXPIRE_AFTER_S;
    fixture.options.materialise = true;
    fixture_open(&fixture);
    for (int i = 0; i < 2; i++)
        assert_int_equal(upload_create_wait(fixture.store, &creation, &told->parts[i]), 0);
    struct upload *upload = fixture_writer(&fixture, &told->parts[0]);
    assert_int_equal(append_pattern(upload, BYTES), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    fixture_close(&fixture);
    return fixture;
}

/* Twice the pattern, wherever it lies. */
static void check_final_content(struct fixture *fixture, const struct upload_id *id)
{
    struct content *content = NULL;
    uint8_t byte;

    assert_int_equal(upload_read_wait(fixture->store, id, &content), 0);
    assert_int_equal(content_length(content), 2 * BYTES);
    for (uint64_t i = 0; i < 2 * BYTES; i += 7) {
        assert_int_equal(content_read(content, &byte, 1, i, false), 1);
        assert_int_equal(byte, pattern(i % BYTES));
    }
    content_close(content);
}

/* The old state or the new one; both can be gone on with. */
static void check_final(struct fixture *fixture, const struct told *told)
{
    struct upload_info info = { 0 };

    if (!told->joined)
        return;
    int r = upload_find_wait(fixture->store, &told->final, &info);
    if (r != 0) {
        assert_true(r == REFUSED_GONE || r == REFUSED_UNKNOWN_UPLOAD);
        assert_true(told->completed); /* its deletion was asked for only then */
        return;
    }
    assert_false(told->deleted);
    assert_true(info.state == UPLOAD_COMPLETE || !told->completed);
    assert_true(info.state == UPLOAD_COMPLETE || info.state == UPLOAD_RECEIVING);
    assert_int_equal(info.offset, info.state == UPLOAD_COMPLETE ? 2 * BYTES : 0);
    if (info.state == UPLOAD_COMPLETE)
        check_final_content(fixture, &told->final);
    assert_int_equal(store_sweep(fixture->store), 0);
    if (info.state == UPLOAD_COMPLETE)
        check_final_content(fixture, &told->final);
}

static void delete_what_is_there(struct fixture *fixture, const struct upload_id *id)
{
    const struct upload_writer writer = { 0 };
    struct upload *upload = NULL;

    if (upload_open_wait(fixture->store, id, &writer, &upload) != 0)
        return;
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
}

static void nothing_is_left_of_it(struct fixture *fixture)
{
    struct upload_page page = { .room = 10 };
    struct upload_info infos[10];

    page.infos = infos;
    assert_int_equal(upload_list_wait(fixture->store, &page), 0); /* one may not have been told */
    for (size_t i = 0; i < page.count; i++)
        delete_what_is_there(fixture, &infos[i].id);
    assert_int_equal(store_sweep(fixture->store), 0);
    fixture_close(fixture);
    assert_int_equal(count_files(fixture), 0);
    assert_int_equal(ask(fixture,
                         "SELECT (SELECT count(*) FROM upload) +"
                         "       (SELECT count(*) FROM progress) +"
                         "       (SELECT count(*) FROM part) +"
                         "       (SELECT count(*) FROM final)"),
                     0);
}

static bool child_run_final(struct fixture *fixture, struct told *told, unsigned long nth)
{
    int status;

    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_final(fixture, told, nth);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    return status != 0;
}

static void a_final_that_is_killed_anywhere_is_old_or_new(void **state)
{
    struct told *told =
        mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned long nth = 0;
    bool killed = true;

    (void)state;
    assert_true(told != MAP_FAILED);
    while (killed) {
        now_s = 1700000000;
        os.realtime_s = realtime_s;
        os.monotonic_ms = monotonic_ms;
        *told = (struct told){ 0 };
        struct fixture fixture = make_parts(told);
        killed = child_run_final(&fixture, told, ++nth);
        (void)count_files(&fixture);
        fixture_open(&fixture);
        check_final(&fixture, told);
        nothing_is_left_of_it(&fixture);
        fixture_remove(&fixture);
    }
    assert_true(told->deleted);
    print_message("# a final that nobody kills makes %lu calls\n", nth - 1);
    assert_int_equal(munmap(told, sizeof(*told)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sweep_that_is_killed_anywhere_is_completed_by_the_next),
        cmocka_unit_test(a_final_that_is_killed_anywhere_is_old_or_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
