#include "server/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/base/stderr.h"

struct place {
    char folder[64], path[96];
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/ferry-token-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof(place->path), "%s/token", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    (void)unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0); /* and nothing else was left */
    free(place);
    return 0;
}

static void put_bytes(const struct place *place, const char *bytes, size_t count)
{
    FILE *file = fopen(place->path, "we");

    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void put(const struct place *place, const char *text)
{
    put_bytes(place, text, strlen(text));
}

static int read_quietly(const struct place *place, char **ret_token)
{
    char said[512];

    struct stderr_capture capture = stderr_capture();
    int r = token_read(place->path, ret_token);
    (void)stderr_captured(capture, said, sizeof(said));
    assert_true(r == 0 || strstr(said, place->path) != NULL);
    return r;
}

static void reads_what_stands_in_the_file(void **state)
{
    static const char *const texts[] = { "0123456789abcdef", "0123456789abcdef\n",
                                         "0123456789abcdef \r\n\n" };
    char *token = NULL;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(*state, texts[i]);
        assert_int_equal(read_quietly(*state, &token), 0);
        assert_string_equal(token, "0123456789abcdef");
        free(token);
    }
}

static void refuses_what_is_no_token(void **state)
{
    static const char *const texts[] = { "", "\n", "short", "0123456789abcdef\nsecond line\n",
                                         " 0123456789abcdef" };
    static const char zeros[][20] = { "0123456789abcdef", "0123456789abcdef\0x", "\0" };
    char *token = NULL;

    assert_int_equal(read_quietly(*state, &token), -ENOENT);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(*state, texts[i]);
        assert_int_equal(read_quietly(*state, &token), -EINVAL);
    }
    for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++) {
        put_bytes(*state, zeros[i], sizeof(zeros[i]));
        assert_int_equal(read_quietly(*state, &token), -EINVAL);
    }
    assert_null(token);
}

static void refuses_a_file_that_others_can_get_at(void **state)
{
    static const struct {
        mode_t mode;
        bool ours, roots;
    } modes[] = {
        { 0600, true, true },   { 0400, true, true },   { 0640, false, true },
        { 0440, false, true },  { 0660, false, false }, { 0620, false, false },
        { 0644, false, false }, { 0604, false, false }, { 0602, false, false },
    };
    const struct place *place = *state;
    bool root = geteuid() == 0;
    char *token = NULL;

    put(place, "0123456789abcdef");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        bool allowed = root ? modes[i].roots : modes[i].ours;
        assert_int_equal(chmod(place->path, modes[i].mode), 0);
        assert_int_equal(read_quietly(place, &token), allowed ? 0 : -EPERM);
        free(token);
        token = NULL;
    }
}

/* Who is not root can neither make such a file nor read it. */
static void refuses_a_file_of_somebody_else(void **state)
{
    const struct place *place = *state;
    char *token = NULL;

    put(place, "0123456789abcdef");
    if (chown(place->path, 4711, (gid_t)-1) == 0)
        assert_int_equal(read_quietly(place, &token), -EPERM);
    else
        assert_int_not_equal(geteuid(), 0);
    assert_null(token);
}

/* A folder, and a pipe that nobody writes to: neither is waited for. */
static void refuses_what_is_no_file(void **state)
{
    struct place *place = *state, folder = *place;
    char *token = NULL;

    (void)snprintf(folder.path, sizeof(folder.path), "%s", place->folder);
    assert_int_equal(read_quietly(&folder, &token), -EINVAL);
    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_equal(read_quietly(place, &token), -EINVAL);
    assert_null(token);
}

static void makes_one_that_only_the_owner_can_read(void **state)
{
    const struct place *place = *state;
    char *token = NULL, *again = NULL;
    struct stat about;

    assert_int_equal(token_read_or_make(place->path, &token), 0);
    assert_int_equal(strlen(token), 64);
    assert_int_equal(strspn(token, "0123456789abcdef"), 64);
    assert_int_equal(stat(place->path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(token_read_or_make(place->path, &again), 0);
    assert_string_equal(again, token);
    free(again);

    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(token_read_or_make(place->path, &again), 0);
    assert_string_not_equal(again, token);
    free(again);
    free(token);
}

#define TOKEN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOKEN_TEST(reads_what_stands_in_the_file),
        TOKEN_TEST(refuses_what_is_no_token),
        TOKEN_TEST(refuses_a_file_that_others_can_get_at),
        TOKEN_TEST(refuses_a_file_of_somebody_else),
        TOKEN_TEST(refuses_what_is_no_file),
        TOKEN_TEST(makes_one_that_only_the_owner_can_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
