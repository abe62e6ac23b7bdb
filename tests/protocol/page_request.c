#include "protocol/page_request.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int check(const char *fields)
{
    struct message_text text;

    message_text_fields(bytes_of_text(fields), &text);
    return page_request_check(&text.message);
}

static int check_host(const char *host)
{
    struct field field = { .name = bytes_of_text("Host"), .value = bytes_of_text(host) };
    struct message message = { .fields = &field, .field_count = 1 };

    return page_request_check_host(&message);
}

static void programs_and_typed_addresses_are_let_in(void **state)
{
    static const char *const cases[] = {
        "",
        "Host: localhost",
        "Host: localhost\nContent-Type: application/json",
        "Host: localhost\nSec-Fetch-Site: none",
        "Host: localhost:1081\nSec-Fetch-Site: same-origin",
        "Host: localhost:1081\nOrigin: http://localhost:1081",
        "Host: a.example\nOrigin: https://a.example\nSec-Fetch-Site: same-origin",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (check(cases[i]) != 0)
            fail_msg("refused: %s", cases[i]);
}

static void pages_of_others_and_forms_are_not(void **state)
{
    static const char *const cases[] = {
        "Host: localhost\nSec-Fetch-Site: cross-site",
        "Host: localhost\nSec-Fetch-Site: same-site", /* another port of this machine */
        "Host: localhost\nSec-Fetch-Site: Same-Origin",
        "Host: localhost\nSec-Fetch-Site:",
        "Host: localhost\nOrigin: null",
        "Host: localhost\nOrigin: http://localhost:8080",
        "Host: localhost\nOrigin: localhost",
        "Host: localhost\nOrigin: ftp://localhost",
        "Host: localhost\nOrigin: http://localhost.example",
        "Host: localhost\nOrigin:",
        "Origin: http://",
        "Host: localhost\nOrigin: https://app.example\nSec-Fetch-Site: none",
        "Host: localhost\nContent-Type: application/x-www-form-urlencoded",
        "Host: localhost\nContent-Type: multipart/form-data; boundary=a",
        "Host: localhost\nContent-Type: TEXT/plain;charset=utf-8",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (check(cases[i]) != REFUSED_FOREIGN_PAGE)
            fail_msg("let in: %s", cases[i]);
    assert_int_equal(check("Origin: null\nOrigin: null"), REFUSED_REPEATED_FIELD);
    assert_int_equal(check("Sec-Fetch-Site: none\nSec-Fetch-Site: none"), REFUSED_REPEATED_FIELD);
}

static void addresses_and_localhost_are_hosts(void **state)
{
    static const char *const good[] = {
        "",           "localhost",    "LocalHost",       "localhost:1081",
        "[::1]",      "[::1]:1081",   "127.0.0.1",       "127.0.0.1:1081",
        "127.0.0.1:", "192.0.2.7:80", "[2001:db8::7]:80"
    };
    static const char *const bad[] = { "evil.example",
                                       "evil.example:1081",
                                       "localhost.evil.example",
                                       "localhost.",
                                       "127.0.0.1.evil.example",
                                       "::1",
                                       "[::1",
                                       "[localhost]",
                                       "a",
                                       ":80",
                                       "127.1",
                                       "0x7f000001",
                                       "2130706433",
                                       "[fe80::1%25eth0]",
                                       "localhost:80:80" };
    struct message none = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        if (check_host(good[i]) != 0)
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (check_host(bad[i]) != REFUSED_HOST)
            fail_msg("let in: %s", bad[i]);
    assert_int_equal(page_request_check_host(&none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_and_typed_addresses_are_let_in),
        cmocka_unit_test(pages_of_others_and_forms_are_not),
        cmocka_unit_test(addresses_and_localhost_are_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
