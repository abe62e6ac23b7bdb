#include "tools/ferry/content_range.h"

#include "tests/check.h"

static void reads_a_part(void **state)
{
    struct content_range range = { 0 };

    (void)state;
    assert_true(content_range_parse(bytes_of_text("bytes 100-199/200"), &range));
    assert_int_equal(range.first, 100);
    assert_int_equal(range.last, 199);
    assert_true(range.size_known);
    assert_int_equal(range.size, 200);

    assert_true(content_range_parse(bytes_of_text("Bytes 0-0/*"), &range));
    assert_int_equal(range.first, 0);
    assert_int_equal(range.last, 0);
    assert_false(range.size_known);
}

static void leaves_out_what_there_cannot_be(void **state)
{
    static const char *const bad[] = {
        "",
        "bytes",
        "bytes ",
        "bytes */200",
        "bytes 100-199",
        "bytes 100-199/",
        "bytes -199/200",
        "bytes 100-/200",
        "bytes 199-100/200",
        "bytes 100-200/200",
        "bytes 1-2-3/200",
        "bytes 100 - 199/200",
        "bytes 100-199/200 ",
        "bytes 100-199/9223372036854775808",
        "items 100-199/200",
        "bytes=100-199/200",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct content_range range = { .first = 77 };
        if (content_range_parse(bytes_of_text(bad[i]), &range))
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(range.first, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_part),
        cmocka_unit_test(leaves_out_what_there_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
