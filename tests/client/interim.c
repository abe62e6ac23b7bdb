#include "tools/ferry/interim.h"

#include "tests/check.h"

/* Takes the lines; true when the last one ended an interim response, and none before it did. */
static bool take(struct interim *interim, const char *const *lines)
{
    for (; lines[1] != NULL; lines++)
        assert_false(interim_take(interim, bytes_of_text(lines[0])));
    return interim_take(interim, bytes_of_text(lines[0]));
}

static void reads_an_announcement(void **state)
{
    static const char *const lines[] = {
        "HTTP/1.1 104 Upload Resumption Supported\r\n",
        "upload-draft-interop-version: 10\r\n",
        "Location:  /files/4f0c \r\n",
        "Upload-Limit: max-age=3600\r\n",
        "\r\n",
        NULL,
    };
    struct interim interim = { 0 };

    (void)state;
    assert_true(take(&interim, lines));
    assert_int_equal(interim.status, 104);
    assert_int_equal(interim.version, 10);
    assert_string_equal(interim.location, "/files/4f0c");
    assert_false(interim.offset_known);
    interim_done(&interim);
}

static void each_begins_anew(void **state)
{
    static const char *const first[] = {
        "HTTP/2 104 \r\n",
        "Location: a\r\n",
        "Location: b\r\n",
        "Upload-Offset: 5\r\n",
        "\r\n",
        NULL,
    };
    static const char *const second[] = { "HTTP/2 103 \r\n", "\r\n", NULL };
    struct interim interim = { 0 };

    (void)state;
    assert_true(take(&interim, first));
    assert_string_equal(interim.location, "b");
    assert_true(interim.offset_known);
    assert_int_equal(interim.offset, 5);
    assert_true(take(&interim, second));
    assert_int_equal(interim.status, 103);
    assert_null(interim.location);
    assert_false(interim.offset_known);
    interim_done(&interim);
}

static void answers_are_none(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\n", "HTTP/1.1 99 ?\r\n",  "HTTP/1.1\r\n",
        "HTTP/1.1 1\r\n",      "HTTP/1.1 x04 a\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        const char *const lines[] = { heads[i], "Location: a\r\n", "no field\r\n", "\r\n", NULL };
        struct interim interim = { 0 };
        assert_false(take(&interim, lines));
        assert_null(interim.location);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_announcement),
        cmocka_unit_test(each_begins_anew),
        cmocka_unit_test(answers_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
