#include "protocol/content_disposition.h"

#include "protocol/message.h"
#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void tells_the_name_in_ascii_and_whole(void **state)
{
    static const struct {
        const char *name, *text;
    } cases[] = {
        { "", "attachment" },
        { "example.html", "attachment; filename=\"example.html\"" }, /* RFC 6266, 5 */
        { "an example.html", "attachment; filename=\"an example.html\"" },
        { "\xe2\x82\xac rates.txt", /* RFC 6266, 5, which has "EURO rates" for the old programs */
          "attachment; filename=\"_ rates.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt" },
        { "na\xc3\xafve", "attachment; filename=\"na_ve\"; filename*=UTF-8''na%C3%AFve" },
        { "50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt" },
        { "a\"b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b" },
        { "\"; filename=\"evil.exe",
          "attachment; filename=\"_; filename=_evil.exe\"; "
          "filename*=UTF-8''%22%3B%20filename%3D%22evil.exe" },
        { "a;b=c", "attachment; filename=\"a;b=c\"" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[CONTENT_DISPOSITION_BYTES];
        content_disposition_format(true, bytes_of_text(cases[i].name), text);
        assert_string_equal(text, cases[i].text);
    }
}

static void a_name_is_never_a_path_nor_a_second_header(void **state)
{
    static const struct {
        const char *name, *text;
    } cases[] = {
        { "../../etc/passwd", "attachment; filename=\"_._.._etc_passwd\"" },
        { "..", "attachment; filename=\"_.\"" },
        { ".bashrc", "attachment; filename=\"_bashrc\"" },
        { "C:\\autoexec.bat", "attachment; filename=\"C:_autoexec.bat\"" },
        { "a\r\nSet-Cookie: b=c", "attachment; filename=\"a__Set-Cookie: b=c\"" },
        { "a\x7f\x1b[2Jb", "attachment; filename=\"a__[2Jb\"" },
        { "a\xff\xfe", "attachment; filename=\"a__\"" },
        { "txt.\xe2\x80\xae"
          "exe",
          "attachment; filename=\"txt._exe\"" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[CONTENT_DISPOSITION_BYTES];
        content_disposition_format(true, bytes_of_text(cases[i].name), text);
        assert_string_equal(text, cases[i].text);
    }
    char text[CONTENT_DISPOSITION_BYTES];
    content_disposition_format(false, bytes_of("a\0b", 3), text);
    assert_string_equal(text, "inline; filename=\"a_b\"");
}

static void there_is_room_for_the_worst_name(void **state)
{
    static char name[60 * 1024];
    char text[CONTENT_DISPOSITION_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(name); i += 3)
        memcpy(name + i, "\xe2\x82\xac", 3);
    content_disposition_format(true, bytes_of(name, sizeof(name)), text);
    assert_true(strlen(text) < CONTENT_DISPOSITION_BYTES);
    assert_int_equal(strlen(strstr(text, "''")), 2 + 3 * FILE_NAME_BYTES_MAX);
    assert_true(field_value_valid(bytes_of_text(text)));

    memset(name, '%', sizeof(name));
    content_disposition_format(true, bytes_of(name, sizeof(name)), text);
    assert_int_equal(strlen(strstr(text, "''")), 2 + 3 * FILE_NAME_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_name_in_ascii_and_whole),
        cmocka_unit_test(a_name_is_never_a_path_nor_a_second_header),
        cmocka_unit_test(there_is_room_for_the_worst_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
