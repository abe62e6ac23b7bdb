#include "protocol/range.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct range_case {
    const char *value;
    uint64_t length;
    uint64_t first, count;
};

static void expect_part(const struct range_case *expected)
{
    struct range range = { .first = 77, .count = 78 };

    if (range_choose(bytes_of_text(expected->value), expected->length, &range) != RANGE_PART)
        fail_msg("not a part: %s", expected->value);
    if (range.first != expected->first || range.count != expected->count)
        fail_msg("%s of %ju: %ju+%ju", expected->value, (uintmax_t)expected->length,
                 (uintmax_t)range.first, (uintmax_t)range.count);
}

static void reads_the_examples_of_the_specification(void **state)
{
    /* RFC 9110, 14.1.2: "for a representation of length 10000" */
    static const struct range_case cases[] = {
        { "bytes=0-499", 10000, 0, 500 },
        { "bytes=500-999", 10000, 500, 500 },
        { "bytes=-500", 10000, 9500, 500 },
        { "bytes=9500-", 10000, 9500, 500 },
        { "bytes=0-0", 10000, 0, 1 },
        { "bytes=-1", 10000, 9999, 1 },
        { "bytes= 0-999", 10000, 0, 1000 },
        { "bytes=,500-999", 10000, 500, 500 },
        { "bytes=500-999 , ,", 10000, 500, 500 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_part(&cases[i]);
}

static void a_part_ends_where_the_content_does(void **state)
{
    static const struct range_case cases[] = {
        { "bytes=0-", 1, 0, 1 },
        { "bytes=0-0", 1, 0, 1 },
        { "bytes=0-1", 1, 0, 1 },
        { "bytes=9-9", 10, 9, 1 },
        { "bytes=9-10", 10, 9, 1 },
        { "bytes=-10", 10, 0, 10 },
        { "bytes=-11", 10, 0, 10 },
        { "BYTES=5-", 10, 5, 5 },
        { "bytes=00000000000000000000000001-2", 10, 1, 2 },
        { "bytes=0-18446744073709551615", 10, 0, 10 },
        { "bytes=0-18446744073709551616", 10, 0, 10 },
        { "bytes=0-99999999999999999999999999999999", 10, 0, 10 },
        { "bytes=-99999999999999999999999999999999", 10, 0, 10 },
        { "bytes=9223372036854775806-", INT64_MAX, INT64_MAX - 1, 1 },
        { "bytes=-1", INT64_MAX, INT64_MAX - 1, 1 },
        { "bytes=0-", INT64_MAX, 0, INT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_part(&cases[i]);
}

static void tells_what_is_not_there(void **state)
{
    static const struct {
        const char *value;
        uint64_t length;
    } cases[] = {
        { "bytes=10-", 10 },
        { "bytes=10-11", 10 },
        { "bytes=-0", 10 },
        { "bytes=-0", 0 },
        { "bytes=0-", 0 },
        { "bytes=0-0", 0 },
        { "bytes=18446744073709551616-", 10 },
        { "bytes=99999999999999999999999999999999-", 10 },
        { "bytes=99999999999999999999999999999999-99999999999999999999999999999999", 10 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct range range = { .first = 77 };
        if (range_choose(bytes_of_text(cases[i].value), cases[i].length, &range) !=
            RANGE_UNSATISFIABLE)
            fail_msg("not unsatisfiable: %s", cases[i].value);
        assert_int_equal(range.first, 77);
    }
}

static void ignores_what_it_cannot_read_or_will_not_serve(void **state)
{
    static const char *const cases[] = {
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes 0-1",
        "bytes=1",
        "bytes=a-b",
        "bytes=0x1-2",
        "bytes=1-0",
        "bytes=0--",
        "bytes=0-1-2",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1- 2",
        "bytes=1 -2",
        "bytes =0-1",
        "bytes=0-1;q=1",
        "bytes=0-1 2-3",
        "seconds=0-1",
        "byte=0-1",
        "items=0-1",
        "none",
        "0-1",
        "bytes=\"0-1\"",
        "bytes=0-1,2-3",
        "bytes=0-0,-1",
        "bytes=0-1, x",
        "bytes=x, 0-1",
        "bytes=0-,0-,0-,0-,0-",
        "bytes=500-600,601-999",
        "bytes=0-1, bytes=2-3",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct range range = { .first = 77 };
        if (range_choose(bytes_of_text(cases[i]), 10000, &range) != RANGE_WHOLE)
            fail_msg("not ignored: %s", cases[i]);
        assert_int_equal(range.first, 77);
    }
    assert_int_equal(range_choose(bytes_of_text("bytes=-5"), 0, NULL), RANGE_WHOLE);
    assert_int_equal(range_choose(bytes_of(NULL, 0), 10, NULL), RANGE_WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_examples_of_the_specification),
        cmocka_unit_test(a_part_ends_where_the_content_does),
        cmocka_unit_test(tells_what_is_not_there),
        cmocka_unit_test(ignores_what_it_cannot_read_or_will_not_serve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
