#include "protocol/safe_text.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void keeps_what_can_be_read(void **state)
{
    static const char *const cases[] = {
        "",
        "world_domination_plan.pdf",
        "a b  c",
        "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x9a\xa2.mp4",
        "\xf4\x8f\xbf\xbf",
        "semi;quote\"'<>&|%$",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        assert_int_equal(safe_text(bytes_of_text(cases[i]), text, sizeof(text)), strlen(cases[i]));
        assert_string_equal(text, cases[i]);
        assert_int_equal(safe_file_name(bytes_of_text(cases[i]), text, sizeof(text)),
                         strlen(cases[i]));
        assert_string_equal(text, cases[i]);
    }
}

static void hides_what_does_something(void **state)
{
    static const struct {
        const char *text, *safe;
    } cases[] = {
        { "a\r\nSet-Cookie: b", "a__Set-Cookie: b" },
        { "a\tb\x1b[2J\x7f", "a_b_[2J_" },
        { "a\xc2\x85"
          "b\xc2\x9b"
          "c",
          "a_b_c" }, /* NEL, CSI */
        { "a\xe2\x80\xa8"
          "b\xe2\x80\xa9",
          "a_b_" }, /* line and paragraph separators */
        { "gpj.\xe2\x80\xae"
          "exe",
          "gpj._exe" }, /* right-to-left override */
        { "\xe2\x81\xa6"
          "a\xe2\x81\xa9",
          "_a_" }, /* isolates */
        { "\xef\xbb\xbf"
          "a",
          "_a" },               /* byte order mark */
        { "a\xff\xfe", "a__" }, /* not UTF-8 */
        { "\xc3", "_" },        /* cut */
        { "\xc3(", "_(" },
        { "\xe2\x82", "__" },
        { "\xc0\xaf", "__" }, /* '/' in two bytes */
        { "\xe0\x80\xaf", "___" },
        { "\xed\xa0\x80", "___" },      /* a surrogate */
        { "\xf4\x90\x80\x80", "____" }, /* beyond the last character */
        { "\xf8\x88\x80\x80\x80", "_____" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        safe_text(bytes_of_text(cases[i].text), text, sizeof(text));
        assert_string_equal(text, cases[i].safe);
    }

    char text[8];
    assert_int_equal(safe_text(bytes_of("a\0b", 3), text, sizeof(text)), 3);
    assert_string_equal(text, "a_b");
}

static void makes_the_name_of_one_file(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        { "..", "_." },
        { ".", "_" },
        { ".bashrc", "_bashrc" },
        { "../../etc/passwd", "_._.._etc_passwd" },
        { "/etc/passwd", "_etc_passwd" },
        { "C:\\autoexec.bat", "C:_autoexec.bat" },
        { "a..b", "a..b" },
        { "a/", "a_" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[64];
        safe_file_name(bytes_of_text(cases[i].text), name, sizeof(name));
        assert_string_equal(name, cases[i].name);
    }
}

static void cuts_between_characters(void **state)
{
    char text[8];

    (void)state;
    assert_int_equal(safe_text(bytes_of_text("abc"), text, 1), 0);
    assert_string_equal(text, "");
    assert_int_equal(safe_text(bytes_of_text("abc"), text, 3), 2);
    assert_string_equal(text, "ab");
    assert_int_equal(safe_text(bytes_of_text("a\xe2\x82\xac"), text, 4), 1);
    assert_string_equal(text, "a");
    assert_int_equal(safe_text(bytes_of_text("a\xe2\x82\xac"), text, 5), 4);
    assert_string_equal(text, "a\xe2\x82\xac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_can_be_read),
        cmocka_unit_test(hides_what_does_something),
        cmocka_unit_test(makes_the_name_of_one_file),
        cmocka_unit_test(cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
