#include "tools/ferry/size.h"

#include "tests/check.h"

static void reads_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
    } cases[] = {
        { "0", 0 },
        { "1", 1 },
        { "65536", 65536 },
        { "64K", 65536 },
        { "64k", 65536 },
        { "64KiB", 65536 },
        { "16M", 16777216 },
        { "2G", 2147483648 },
        { "1T", 1099511627776 },
        { "8388607T", 8388607ULL << 40 },
        { "9223372036854775807", INT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t size = 99;
        assert_true(size_parse(cases[i].text, &size));
        assert_true(size == cases[i].size);
    }
}

static void refuses_everything_else_and_touches_nothing(void **state)
{
    static const char *const cases[] = { "",     "K",    "-1",       "+1",
                                         " 1",   "1 ",   "1X",       "1KB",
                                         "1Kib", "1.5G", "1P",       "1B",
                                         "0x1",  "1KK",  "8388608T", "9223372036854775808" };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t size = 77;
        assert_false(size_parse(cases[i], &size));
        assert_true(size == 77);
    }
}

static void writes_three_digits_and_a_decimal(void **state)
{
    static const struct {
        uint64_t size;
        const char *text;
    } cases[] = {
        { 0, "0 B" },
        { 1, "1 B" },
        { 1023, "1023 B" },
        { 1024, "1.0 KiB" },
        { 1536, "1.5 KiB" },
        { 1024 * 1023, "1.0 MiB" },
        { 1024 * 1022, "1022.0 KiB" },
        { 112197632, "107.0 MiB" },
        { 10737418240, "10.0 GiB" },
        { UINT64_MAX, "16.0 EiB" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[SIZE_TEXT_BYTES];
        size_format(cases[i].size, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_powers_of_1024),
        cmocka_unit_test(refuses_everything_else_and_touches_nothing),
        cmocka_unit_test(writes_three_digits_and_a_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
