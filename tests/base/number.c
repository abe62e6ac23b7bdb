#include "base/number.h"

#include "tests/check.h"

static void reads_digits_to_the_maximum(void **state)
{
    static const struct {
        const char *text;
        uint64_t maximum, number;
    } cases[] = {
        { "0", 0, 0 },
        { "7", 7, 7 },
        { "0003", 10, 3 },
        { "9223372036854775807", INT64_MAX, INT64_MAX },
        { "18446744073709551615", UINT64_MAX, UINT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t number = 99;
        assert_true(number_parse(bytes_of_text(cases[i].text), cases[i].maximum, &number));
        assert_true(number == cases[i].number);
    }
}

static void refuses_everything_else_and_touches_nothing(void **state)
{
    static const struct {
        const char *text;
        uint64_t maximum;
    } cases[] = {
        { "", 9 },
        { "-1", 9 },
        { "+1", 9 },
        { " 1", 9 },
        { "1 ", 9 },
        { "0x1", 99 },
        { "1e3", 9 },
        { "8", 7 },
        { "10", 9 },
        { "1", 0 },
        { "5 5", 99 },
        { "99999999999999999999", UINT64_MAX },
        { "18446744073709551616", UINT64_MAX },
        { "9223372036854775808", INT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t number = 77;
        assert_false(number_parse(bytes_of_text(cases[i].text), cases[i].maximum, &number));
        assert_true(number == 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_digits_to_the_maximum),
        cmocka_unit_test(refuses_everything_else_and_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
