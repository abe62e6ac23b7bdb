#include "protocol/media_type.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void compares_the_type_alone(void **state)
{
    static const struct {
        const char *value;
        bool is;
    } cases[] = {
        { "application/offset+octet-stream", true },
        { "Application/Offset+Octet-Stream", true },
        { "application/offset+octet-stream;charset=utf-8", true },
        { "application/offset+octet-stream ; charset=utf-8", true },
        { "application/offset+octet-stream;", true },
        { "", false },
        { ";", false },
        { "application/offset", false },
        { "application/offset+octet-streams", false },
        { "application/octet-stream", false },
        { "application/offset+octet-stream, text/plain", false },
        { "text/plain; a=application/offset+octet-stream", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (media_type_is(bytes_of_text(cases[i].value), "application/offset+octet-stream") !=
            cases[i].is)
            fail_msg("%s: %s", cases[i].is ? "refused" : "accepted", cases[i].value);
    assert_false(media_type_is(bytes_of(NULL, 0), "text/plain"));
}

static void knows_the_grammar(void **state)
{
    static const char *const valid[] = {
        "text/html;charset=utf-8", /* RFC 9110, 8.3.1, all four */
        "Text/HTML;Charset=\"utf-8\"",
        "text/html; charset=\"utf-8\"",
        "text/html;charset=UTF-8",
        "a/b",
        "application/vnd.oasis.opendocument.text",
        "image/svg+xml",
        "text/plain ; a=b ;\tc=\"d e;f\"",
        "text/plain;",
        "text/plain; ;a=b",
    };
    static const char *const invalid[] = {
        "",
        "/",
        "text",
        "text/",
        "/plain",
        "text/plain/x",
        "text /plain",
        "text/ plain",
        " text/plain",
        "text/plain ",
        "text/plain, text/html",
        "text/plain;a",
        "text/plain;a=",
        "text/plain;=b",
        "text/plain;a= b",
        "text/plain;a=b c",
        "text/plain;a=\"b",
        "text/plain;a=\"b\\\"\"",
        "text/plain;a=\"b\r\nSet-Cookie: c\"",
        "text/plain\r\nSet-Cookie: c",
        "text/pl\xc3\xa4in",
        "text/plain;a=\"\xc3\xa4\"",
        "*/*;q=0.1 x",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++)
        if (!media_type_valid(bytes_of_text(valid[i])))
            fail_msg("refused: %s", valid[i]);
    for (size_t i = 0; i < COUNT(invalid); i++)
        if (media_type_valid(bytes_of_text(invalid[i])))
            fail_msg("accepted: %s", invalid[i]);
    assert_false(media_type_valid(bytes_of("text/plain\0", 11)));
    assert_false(media_type_valid(bytes_of(NULL, 0)));
}

static void what_can_carry_a_script_is_not_inert(void **state)
{
    static const char *const inert[] = { "image/png", "IMAGE/JPEG", "video/mp4; codecs=\"avc1\"",
                                         "text/plain; charset=utf-8", "audio/mpeg" };
    static const char *const others[] = {
        "image/svg+xml",   "text/html",       "text/xml",    "application/xhtml+xml",
        "application/pdf", "text/javascript", "text/css",    "application/octet-stream",
        "image/pngx",      "image/*",         "text/plainx", "multipart/x-mixed-replace",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(inert); i++)
        assert_true(media_type_inert(bytes_of_text(inert[i])));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(media_type_inert(bytes_of_text(others[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_the_type_alone),
        cmocka_unit_test(knows_the_grammar),
        cmocka_unit_test(what_can_carry_a_script_is_not_inert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
