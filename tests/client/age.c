#include "tools/ferry/age.h"

#include "tests/check.h"

static void reads_seconds_with_and_without_a_unit(void **state)
{
    static const struct {
        const char *text;
        uint64_t seconds;
    } cases[] = { { "0", 0 },     { "90", 90 },     { "90s", 90 },     { "15m", 900 },
                  { "2h", 7200 }, { "7d", 604800 }, { "4w", 2419200 }, { "0007d", 604800 } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seconds = 99;
        assert_true(age_parse(cases[i].text, &seconds));
        assert_int_equal(seconds, cases[i].seconds);
    }
}

static void refuses_everything_else_and_touches_nothing(void **state)
{
    static const char *const cases[] = {
        "", "d", "-1", "+1", " 1", "1 ", "1.5h", "1hh", "1y", "1H", "1h30m", "99999999999999999999"
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seconds = 99;
        assert_false(age_parse(cases[i], &seconds));
        assert_int_equal(seconds, 99);
    }
}

static void writes_five_columns_at_most(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = { { 0, "0s" },           { 119, "119s" },        { 120, "2m" },
                  { 7199, "119m" },      { 7200, "2h" },         { 172799, "47h" },
                  { 172800, "2d" },      { 863999999, "9999d" }, { 864000000, "long" },
                  { UINT64_MAX, "long" } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[AGE_TEXT_BYTES];
        age_format(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_seconds_with_and_without_a_unit),
        cmocka_unit_test(refuses_everything_else_and_touches_nothing),
        cmocka_unit_test(writes_five_columns_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
