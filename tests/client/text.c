#include "tools/ferry/text.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

static void reads_code_points_and_refuses_what_is_none(void **state)
{
    static const struct {
        const char *text;
        uint32_t point;
        size_t count;
    } cases[] = {
        { "a", 'a', 1 },
        { "\xC3\xA9", 0xE9, 2 },
        { "\xE2\x82\xAC", 0x20AC, 3 },
        { "\xF0\x9F\x98\x80", 0x1F600, 4 },
        { "\xF4\x8F\xBF\xBF", 0x10FFFF, 4 },
        { "\x80", 0xFFFD, 1 },             /* begins with a following byte */
        { "\xC3", 0xFFFD, 1 },             /* ends too soon */
        { "\xE2\x82", 0xFFFD, 1 },         /* the same */
        { "\xC0\xAF", 0xFFFD, 1 },         /* longer than needed */
        { "\xE0\x80\x80", 0xFFFD, 1 },     /* the same */
        { "\xF0\x80\x80\x80", 0xFFFD, 1 }, /* the same */
        { "\xED\xA0\x80", 0xFFFD, 1 },     /* a surrogate */
        { "\xF4\x90\x80\x80", 0xFFFD, 1 }, /* beyond Unicode */
        { "\xFF", 0xFFFD, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = cases[i].text;
        assert_int_equal(text_next(&text), cases[i].point);
        assert_int_equal(text - cases[i].text, cases[i].count);
    }
}

static void cleans_what_a_terminal_would_obey(void **state)
{
    static const struct {
        const char *text, *clean;
    } cases[] = {
        { "plain", "plain" },
        { "a\x1b[2Jb\r\n\tc\x7f", "a?[2Jb???c?" },
        { "n\xC3\xA9", "n\xC3\xA9" },
        { "\xC2\x9B"
          "31m",
          "?31m" }, /* CSI as one character */
        { "a\xE2\x80\xAE"
          "b",
          "a?b" }, /* right to left from here */
        { "a\xE2\x80\x8B"
          "b\xE2\x81\xA6",
          "a?b?" }, /* not seen */
        { "\xFF\xFE", "??" },
    };

    (void)state;
    text_start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char clean[64];
        text_clean(cases[i].text, sizeof(clean), clean);
        assert_string_equal(clean, cases[i].clean);
    }
}

static void cuts_between_characters(void **state)
{
    char clean[5];

    (void)state;
    text_clean("abc\xC3\xA9", sizeof(clean), clean);
    assert_string_equal(clean, "abc");
    text_clean("ab\xC3\xA9", sizeof(clean), clean);
    assert_string_equal(clean, "ab\xC3\xA9");
}

static void counts_columns(void **state)
{
    const char *wide = "\xE6\xBC\xA2\xE5\xAD\x97x";

    (void)state;
    assert_int_equal(text_columns("abc"), 3);
    assert_int_equal(text_columns(wide), 5);
    assert_int_equal(text_fit(wide, 3), 3);
    assert_int_equal(text_fit(wide, 4), 6);
    assert_int_equal(text_fit(wide, 9), 7);
    assert_int_equal(text_fit(wide, 0), 0);
}

static void makes_utf8_of_anything(void **state)
{
    (void)state;
    char *utf8 = text_to_utf8("a\xFF\x1b\xC3\xA9", 5);
    assert_string_equal(utf8, "a\xEF\xBF\xBD\x1b\xC3\xA9");
    free(utf8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_code_points_and_refuses_what_is_none),
        cmocka_unit_test(cleans_what_a_terminal_would_obey),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(counts_columns),
        cmocka_unit_test(makes_utf8_of_anything),
    };
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
