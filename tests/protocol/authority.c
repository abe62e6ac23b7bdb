#include "protocol/authority.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void accepts_a_host_and_a_port(void **state)
{
    /* RFC 3986, 1.1.2 and 3.2 */
    static const char *const cases[] = {
        "www.ietf.org",   "192.0.2.16:80",        "[2001:db8::7]",       "a",
        "localhost:1080", "tus.example.org:",     "[::1]:1080",          "[fe80::1%25eth0]",
        "[v1.fe80::a+b]", "a_b-c~d!$&'()*+;=e.f", "%C3%A4.example:1080", "a:99999999",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (!authority_valid(bytes_of_text(cases[i])))
            fail_msg("refused: %s", cases[i]);
}

static void refuses_everything_else(void **state)
{
    static const char *const cases[] = {
        "",      ":80",     "a b",  " a",    "a\t",    "a,b",     "a/b",
        "a?b",   "a#b",     "a@b",  "a:b@c", "a\\b",   "a:b",     "a:1:2",
        "a:-1",  "a: 1",    "a:1 ", "<a>",   "a\"",    "{a}",     "a|b",
        "a^b",   "`a`",     "[::1", "::1]",  "[::1]x", "[::1]80", "[]",
        "[/]",   "[[::1]]", "%",    "%4",    "%zz",    "a%2",     "\xc3\xa4.example",
        "a\x7f",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (authority_valid(bytes_of_text(cases[i])))
            fail_msg("accepted: %s", cases[i]);
    assert_false(authority_valid(bytes_of("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_a_host_and_a_port),
        cmocka_unit_test(refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
