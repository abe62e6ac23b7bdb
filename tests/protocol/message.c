#include "protocol/message.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int check(const char *text, struct framing *framing)
{
    struct message_text message;

    message_text_whole(bytes_of_text(text), &message);
    return message_check(&message.message, framing);
}

static void tells_how_a_body_ends(void **state)
{
    static const struct {
        const char *text;
        struct framing framing;
    } cases[] = {
        { "GET / HTTP/1.1\nHost: a", { .interim_understood = true } },
        { "GET / HTTP/1.0", { 0 } },
        { "GET / HTTP/1.0\nHost: a", { 0 } },
        { "POST / HTTP/1.1\nHost: a\nContent-Length: 0", { .interim_understood = true } },
        { "POST / HTTP/1.1\nHost: a\nContent-Length: 5",
          { .length = 5, .interim_understood = true } },
        { "POST / HTTP/1.1\nHost: a\ncontent-LENGTH: 0005",
          { .length = 5, .interim_understood = true } },
        { "POST / HTTP/1.1\nHost: a\nContent-Length: 9223372036854775807",
          { .length = INT64_MAX, .interim_understood = true } },
        { "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked",
          { .chunked = true, .interim_understood = true } },
        { "POST / HTTP/1.1\nHost: a\ntransfer-encoding: CHUNKED",
          { .chunked = true, .interim_understood = true } },
        { "POST / HTTP/1.0\nContent-Length: 5", { .length = 5 } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct framing framing = { .length = 77 };
        assert_int_equal(check(cases[i].text, &framing), 0);
        assert_int_equal(framing.chunked, cases[i].framing.chunked);
        assert_true(framing.length == cases[i].framing.length);
        assert_int_equal(framing.interim_understood, cases[i].framing.interim_understood);
        assert_false(framing.expect_continue);
    }
}

static void refuses_two_readings_of_one_message(void **state)
{
    static const char *const cases[] = {
        /* RFC 9112, 6.1 and 6.3 */
        "POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length: 5",
        "POST / HTTP/1.1\nHost: a\nContent-Length: 5, 5",
        "POST / HTTP/1.1\nHost: a\nContent-Length:",
        "POST / HTTP/1.1\nHost: a\nContent-Length: -1",
        "POST / HTTP/1.1\nHost: a\nContent-Length: +5",
        "POST / HTTP/1.1\nHost: a\nContent-Length: 0x5",
        "POST / HTTP/1.1\nHost: a\nContent-Length: 5 5",
        "POST / HTTP/1.1\nHost: a\nContent-Length: 9223372036854775808",
        "POST / HTTP/1.1\nHost: a\nContent-Length: 18446744073709551621",
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, chunked",
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked",
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: identity",
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding:",
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked",
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked;x=y",
        "POST / HTTP/1.0\nTransfer-Encoding: chunked",
        /* 5.1: no blank before the colon, no folded line, no empty name */
        "POST / HTTP/1.1\nHost: a\nContent-Length : 5",
        "POST / HTTP/1.1\nHost: a\n X: folded",
        "POST / HTTP/1.1\nHost: a\n: value",
        "POST / HTTP/1.1\nHost: a\nX(Y): value",
        "POST / HTTP/1.1\nHost: a\nX: a\rb",
        "POST / HTTP/1.1\nHost: a\nX: a\x01",
        "POST / HTTP/1.1\nHost: a\nX: a\x7f",
        /* 3: the request line */
        "POST / HTTP/1.2\nHost: a",
        "POST / HTTP/2.0\nHost: a",
        "POST / http/1.1\nHost: a",
        "POST / HTTP/1.1 \nHost: a",
        "POST /  HTTP/1.1\nHost: a",
        "POST  HTTP/1.1\nHost: a",
        "PO(ST / HTTP/1.1\nHost: a",
        " / HTTP/1.1\nHost: a",
        "POST /a\tb HTTP/1.1\nHost: a",
        "POST /a\x7f HTTP/1.1\nHost: a",
        "POST /a#b HTTP/1.1\nHost: a",
        "POST /\xc3\xa4 HTTP/1.1\nHost: a",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct framing framing = { .length = 77 };
        if (check(cases[i], &framing) != REFUSED_MALFORMED_MESSAGE)
            fail_msg("accepted: %s", cases[i]);
        assert_true(framing.length == 77);
    }
}

static void refuses_a_nul_in_a_field(void **state)
{
    static const char text[] = "GET / HTTP/1.1\nHost: a\nX: a\0b";
    struct message_text message;
    struct framing framing;

    (void)state;
    message_text_whole(bytes_of(text, sizeof(text) - 1), &message);
    assert_int_equal(message_check(&message.message, &framing), REFUSED_MALFORMED_MESSAGE);
}

static void wants_one_valid_host(void **state)
{
    static const struct {
        const char *text;
        int means;
    } cases[] = {
        { "GET / HTTP/1.1\nHost: tus.example.org", 0 },
        { "GET / HTTP/1.1\nhost: [::1]:1080", 0 },
        { "GET / HTTP/1.1\nHost:", 0 },
        { "GET / HTTP/1.0", 0 },
        { "GET / HTTP/1.1", REFUSED_MALFORMED_MESSAGE },
        { "GET / HTTP/1.1\nHost: a\nHost: a", REFUSED_MALFORMED_MESSAGE },
        { "GET / HTTP/1.0\nHost: a\nHost: a", REFUSED_MALFORMED_MESSAGE },
        { "GET / HTTP/1.1\nHost: a:b", REFUSED_MALFORMED_MESSAGE },
        { "GET / HTTP/1.0\nHost: a/b", REFUSED_MALFORMED_MESSAGE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct framing framing;
        if (check(cases[i].text, &framing) != cases[i].means)
            fail_msg("misread: %s", cases[i].text);
    }
}

static void meets_one_expectation(void **state)
{
    static const struct {
        const char *text;
        int means;
        bool waits;
    } cases[] = {
        { "PATCH / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: 100-continue", 0, true },
        { "PATCH / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nExpect: 100-Continue", 0, true },
        { "PATCH / HTTP/1.1\nHost: a\nContent-Length: 0\nExpect: 100-continue", 0, false },
        { "PATCH / HTTP/1.1\nHost: a\nExpect: 100-continue", 0, false },
        { "PATCH / HTTP/1.0\nContent-Length: 5\nExpect: 100-continue", 0, false },
        { "PATCH / HTTP/1.0\nContent-Length: 5\nExpect: more", 0, false },
        { "PATCH / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: more", REFUSED_EXPECTATION,
          false },
        { "PATCH / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect:", REFUSED_EXPECTATION, false },
        { "PATCH / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: 100-continue\nExpect: more",
          REFUSED_EXPECTATION, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct framing framing = { .length = 77 };
        assert_int_equal(check(cases[i].text, &framing), cases[i].means);
        assert_int_equal(framing.expect_continue, cases[i].waits);
        assert_true(cases[i].means == 0 || framing.length == 77);
    }
}

static void finds_fields_in_any_case(void **state)
{
    struct message_text text;
    const struct field *field = NULL;
    struct bytes value = bytes_of_text("untouched");

    (void)state;
    message_text_fields(bytes_of_text("TUS-Resumable: 1.0.0\nX: 1\nx: 2\nEmpty:"), &text);

    assert_true(message_field(&text.message, "Tus-Resumable", &value));
    assert_true(bytes_equal_text(value, "1.0.0"));
    assert_true(message_field(&text.message, "X", &value));
    assert_true(bytes_equal_text(value, "1"));
    assert_false(message_field(&text.message, "Tus", &value));
    assert_true(bytes_equal_text(value, "1"));
    assert_int_equal(message_field_count(&text.message, "x"), 2);
    assert_int_equal(message_field_count(&text.message, "Y"), 0);

    assert_int_equal(message_field_once(&text.message, "tus-resumable", &field), 0);
    assert_ptr_equal(field, &text.fields[0]);
    assert_int_equal(message_field_once(&text.message, "X", &field), REFUSED_REPEATED_FIELD);
    assert_ptr_equal(field, &text.fields[0]);
    assert_int_equal(message_field_once(&text.message, "Empty", &field), 0);
    assert_ptr_equal(field, &text.fields[3]);
    assert_int_equal(message_field_once(&text.message, "Y", &field), 0);
    assert_null(field);
}

static void takes_targets_apart(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        { "/files/", "/files/", "" },
        { "/where?q=now", "/where", "q=now" }, /* RFC 9112, 3.2.1 */
        { "/files/?", "/files/", "" },
        { "/a?b?c/d", "/a", "b?c/d" },
        { "//a/b", "//a/b", "" },
        { "/%2e%2E/a", "/%2e%2E/a", "" },
        { "http://www.example.org/pub/WWW/TheProject.html", "/pub/WWW/TheProject.html", "" },
        { "HTTPS://a:1080/files/?x=/y", "/files/", "x=/y" },
        { "http://[::1]:1080/files/", "/files/", "" },
        { "http://a", "/", "" }, /* RFC 9110, 4.2.3: an empty path is "/" */
        { "http://a?x=/files/b", "/", "x=/files/b" },
        { "*", "*", "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct target target;
        assert_int_equal(target_parse(bytes_of_text(cases[i].target), &target), 0);
        if (!bytes_equal_text(target.path, cases[i].path) ||
            !bytes_equal_text(target.query, cases[i].query))
            fail_msg("%s: path %.*s query %.*s", cases[i].target, BYTES_ARGUMENT(target.path),
                     BYTES_ARGUMENT(target.query));
    }
}

static void refuses_targets_that_name_nothing_here(void **state)
{
    static const char *const cases[] = {
        "",         "files/",      "*?x",          "**",          "a:80",        "http:",
        "http://",  "https://",    "http:/a",      "http:///a",   "http://?a",   "http://:80/a",
        "ftp://a/", "http://a@b/", "http://a:b/c", "http://a b/", "http://a,b/", "?a=/files/",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct target target = { .query = bytes_of_text("untouched") };
        if (target_parse(bytes_of_text(cases[i]), &target) != REFUSED_TARGET)
            fail_msg("accepted: %s", cases[i]);
        assert_true(bytes_equal_text(target.query, "untouched"));
    }
}

static void knows_tokens_and_field_values(void **state)
{
    (void)state;
    assert_true(token_valid(bytes_of_text("M-SEARCH")));
    assert_true(token_valid(bytes_of_text("!#$%&'*+-.^_`|~09azAZ")));
    assert_false(token_valid(bytes_of_text("")));
    assert_false(token_valid(bytes_of_text("a b")));
    assert_false(token_valid(bytes_of("a\0b", 3)));
    assert_false(token_valid(bytes_of_text("a:")));
    assert_false(token_valid(bytes_of_text("\xc3\xa4")));

    assert_true(field_value_valid(bytes_of_text("")));
    assert_true(field_value_valid(bytes_of_text("a\tb \xc3\xa4")));
    assert_false(field_value_valid(bytes_of("a\0b", 3)));
    assert_false(field_value_valid(bytes_of_text("a\nb")));

    assert_true(bytes_equal_text(field_trim(bytes_of_text(" \t a b\t ")), "a b"));
    assert_int_equal(field_trim(bytes_of_text(" \t ")).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_how_a_body_ends),
        cmocka_unit_test(refuses_two_readings_of_one_message),
        cmocka_unit_test(refuses_a_nul_in_a_field),
        cmocka_unit_test(wants_one_valid_host),
        cmocka_unit_test(meets_one_expectation),
        cmocka_unit_test(finds_fields_in_any_case),
        cmocka_unit_test(takes_targets_apart),
        cmocka_unit_test(refuses_targets_that_name_nothing_here),
        cmocka_unit_test(knows_tokens_and_field_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
