/*
 * The directory of a server that is started as root: what is made, and what is given away
 *
 * Needs no root: the calls are replaced that would tell of another user, or give something to one.
 */
#include "storage/directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/os.h"
#include "tests/base/stderr.h"

enum {
    OWNER = 12345,
};

struct place {
    char folder[64], path[96], other[96];
};

static struct place place;
static unsigned given;
static const char *foreign; /* the end of a path */

static int set_up(void **state)
{
    (void)state;
    given = 0;
    (void)snprintf(place.folder, sizeof(place.folder), "/tmp/ferry-directory-XXXXXX");
    assert_non_null(mkdtemp(place.folder));
    (void)snprintf(place.path, sizeof(place.path), "%s/data", place.folder);
    (void)snprintf(place.other, sizeof(place.other), "%s/other", place.folder);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    os = os_linux;
    (void)snprintf(command, sizeof(command), "rm -r %s", place.folder);
    return system(command); /* NOLINT(cert-env33-c): the path is our own */
}

static int count_given(int fd, uid_t owner, gid_t group)
{
    (void)fd;
    assert_int_equal(owner, OWNER);
    assert_int_equal(group, OWNER + 1);
    given++;
    return 0;
}

static int make_for_quietly(void)
{
    char said[512];

    os.fchown = count_given;
    struct stderr_capture capture = stderr_capture();
    int r = directory_make_for(place.path, OWNER, OWNER + 1);
    (void)stderr_captured(capture, said, sizeof(said));
    assert_true((r == 0) == (said[0] == '\0'));
    return r;
}

static void gives_away_what_it_has_made(void **state)
{
    struct stat about;

    (void)state;
    assert_int_equal(make_for_quietly(), 0);
    assert_int_equal(given, 1);
    assert_int_equal(stat(place.path, &about), 0);
    assert_int_equal(about.st_mode, S_IFDIR | 0700);
}

static void gives_away_nothing_that_is_there(void **state)
{
    (void)state;
    assert_int_equal(mkdir(place.path, 0700), 0);
    assert_int_equal(make_for_quietly(), -EEXIST);
    assert_int_equal(given, 0);
}

/* ---- somebody is quick, between two calls ---- */

static int replace_by_link(int directory, const char *path, mode_t mode)
{
    assert_int_equal(os_linux.mkdirat(directory, path, mode), 0);
    assert_int_equal(rename(path, place.other), 0);
    return symlink(place.other, path);
}

static int replace_by_open_one(int directory, const char *path, mode_t mode)
{
    assert_int_equal(os_linux.mkdirat(directory, path, mode), 0);
    return chmod(path, 0750);
}

static int replace_by_full_one(int directory, const char *path, mode_t mode)
{
    char inner[128];

    assert_int_equal(os_linux.mkdirat(directory, path, mode), 0);
    (void)snprintf(inner, sizeof(inner), "%s/inner", path);
    return mkdir(inner, 0700);
}

static void gives_away_nothing_that_came_in_its_place(void **state)
{
    static const struct {
        int (*mkdirat)(int directory, const char *path, mode_t mode);
        int result;
    } replaced[] = {
        { replace_by_link, -ENOTDIR },
        { replace_by_open_one, -EPERM },
        { replace_by_full_one, -EPERM },
    };

    for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
        os.mkdirat = replaced[i].mkdirat;
        assert_int_equal(make_for_quietly(), replaced[i].result);
        assert_int_equal(given, 0);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* ---- acting as that user ---- */

static int make_own(char said[512], bool *ret_there)
{
    struct stderr_capture capture = stderr_capture();
    int r = directory_make_own(place.path, ret_there);
    (void)stderr_captured(capture, said, 512);
    return r;
}

static int say_foreign(int directory, const char *path, struct stat *ret_about, int flags)
{
    int r = os_linux.fstatat(directory, path, ret_about, flags);
    size_t length = strlen(path), count = strlen(foreign);

    if (r == 0 && length >= count && strcmp(path + length - count, foreign) == 0)
        ret_about->st_uid = OWNER;
    return r;
}

static void takes_only_what_is_its_own_throughout(void **state)
{
    static const char *const names[] = { "/data", "/data/lock", "/data/files", "/data/files/00",
                                         "/data/ferry.db" };
    struct directory directory;
    char said[512], database[128];
    bool there = false;

    (void)state;
    assert_int_equal(make_own(said, &there), 0);
    assert_true(there);
    assert_int_equal(directory_open(place.path, &directory), 0);
    directory_close(&directory);
    (void)snprintf(database, sizeof(database), "%s/ferry.db", place.path);
    FILE *file = fopen(database, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);

    there = false;
    assert_int_equal(make_own(said, &there), 0);
    assert_true(there);
    os.fstatat = say_foreign;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        there = false;
        foreign = names[i];
        assert_int_equal(make_own(said, &there), -EPERM);
        assert_false(there);
        assert_non_null(strstr(said, names[i]));
        assert_non_null(strstr(said, " belongs to user 12345, not to "));
    }
}

static int may_not(int directory, const char *path, mode_t mode)
{
    (void)directory;
    (void)path;
    (void)mode;
    errno = EACCES;
    return -1;
}

static int may_not_look(int directory, const char *path, struct stat *ret_about, int flags)
{
    (void)directory;
    (void)path;
    (void)ret_about;
    (void)flags;
    errno = EACCES;
    return -1;
}

static void leaves_to_root_what_it_can_reach(void **state)
{
    char said[512];
    bool there = true;

    (void)state;
    os.mkdirat = may_not;
    assert_int_equal(make_own(said, &there), 0);
    assert_false(there);
    assert_string_equal(said, "");
    os.fstatat = may_not_look;
    assert_int_equal(make_own(said, &there), -EACCES);
    assert_non_null(strstr(said, "cannot reach directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_away_what_it_has_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_away_nothing_that_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_away_nothing_that_came_in_its_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(takes_only_what_is_its_own_throughout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_to_root_what_it_can_reach, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
