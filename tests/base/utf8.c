#include "base/utf8.h"

#include "tests/check.h"

static void reads_characters_of_every_length(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        uint32_t code;
    } cases[] = {
        { "a\xc3", 1, 'a' },
        { "\xc3\xa9x", 2, 0xe9 },
        { "\xe2\x82\xac", 3, 0x20ac },
        { "\xf0\x9f\x9a\xa2", 4, 0x1f6a2 },
        { "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t code = 0;
        assert_int_equal(utf8_character(bytes_of_text(cases[i].text), &code), cases[i].count);
        assert_int_equal(code, cases[i].code);
    }
}

static void refuses_what_is_not_utf8(void **state)
{
    static const char *const cases[] = {
        "\x80",             /* the middle of one */
        "\xc3",             /* cut off */
        "\xe2\x82",         /* cut off */
        "\xc3(",            /* not continued */
        "\xc0\x80",         /* longer than need be */
        "\xe0\x80\xaf",     /* the same */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond the last */
        "\xff",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t code = 77;
        assert_int_equal(utf8_character(bytes_of_text(cases[i]), &code), 0);
        assert_int_equal(code, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_characters_of_every_length),
        cmocka_unit_test(refuses_what_is_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
