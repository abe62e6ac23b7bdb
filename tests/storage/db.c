/*
 * What the database leaves where
 */
#include "storage/db.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/storage/fixture.h"

/* Open files of the process below the directory whose names begin so. */
static int count_open(const char *directory, const char *name)
{
    char begin[128], target[256];
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");

    assert_non_null(folder);
    (void)snprintf(begin, sizeof(begin), "%s/%s", directory, name);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        count += strncmp(target, begin, strlen(begin)) == 0;
    }
    (void)closedir(folder);
    return count;
}

/* A confined server can make files nowhere else. */
static void a_sort_that_is_too_large_for_memory_is_beside_the_database(void **state)
{
    struct fixture fixture = fixture_new();
    struct db *db;
    char path[100];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/ferry.db", fixture.directory);
    assert_int_equal(db_open(path, DB_WRITER, &db), 0);
    assert_int_equal(db_execute(db, "PRAGMA cache_size = 10"), 0);
    struct statement *sorted = db_prepare(
        db,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " SELECT i, randomblob(100) AS b FROM n ORDER BY b");
    assert_true(statement_next(sorted));
    assert_true(count_open(fixture.directory, "etilqs_") > 0);
    assert_int_equal(statement_end(sorted), 0);
    db_close(db);
    fixture_remove(&fixture);
}

/* Nor is one made where it leads to. */
static void a_database_behind_a_link_is_not_opened(void **state)
{
    struct fixture fixture = fixture_new();
    struct db *db = NULL;
    char path[100], link[100];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/elsewhere", fixture.directory);
    (void)snprintf(link, sizeof(link), "%s/ferry.db", fixture.directory);
    assert_int_equal(symlink("elsewhere", link), 0);
    assert_int_equal(db_open(link, DB_WRITER, &db), -ENOENT);
    assert_null(db);
    assert_int_equal(access(path, F_OK), -1);
    fixture_remove(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sort_that_is_too_large_for_memory_is_beside_the_database),
        cmocka_unit_test(a_database_behind_a_link_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
