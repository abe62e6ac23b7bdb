#include "server/token.h"

#include <errno.h>
#include <fcntl.h>
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

static void put(const struct place *place, const char *text)
{
    FILE *file = fopen(place->path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
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
    char *token = NULL;

    assert_int_equal(read_quietly(*state, &token), -ENOENT);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(*state, texts[i]);
        assert_int_equal(read_quietly(*state, &token), -EINVAL);
    }
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
        TOKEN_TEST(makes_one_that_only_the_owner_can_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
