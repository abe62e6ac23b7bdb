#include "protocol/forwarded.h"

#include <stdio.h>

#include "tests/check.h"
#include "tests/protocol/message_text.h"

/* Trusted are 10.0.0.0/8 and 192.0.2.60. "client scheme host", as they come from a message with those
 * fields from peer. */
static void expect(const char *peer, const char *fields, const char *expected)
{
    static const char *const schemes[] = { "-", "http", "https" };
    struct message_text text;
    struct networks trusted = { 0 };
    struct address from;
    char client[ADDRESS_TEXT_BYTES], got[512];

    assert_true(networks_parse(bytes_of_text("10.0.0.0/8, 192.0.2.60"), &trusted));
    assert_true(address_parse(bytes_of_text(peer), &from));
    message_text_fields(bytes_of_text(fields), &text);
    struct forwarded forwarded = forwarded_read(&text.message, &from, &trusted);

    address_format(&forwarded.client, client);
    (void)snprintf(got, sizeof(got), "%s %s %.*s", client, schemes[forwarded.scheme],
                   BYTES_ARGUMENT(forwarded.host));
    if (strcmp(got, expected) != 0)
        fail_msg("%s\nexpected %s\n     got %s", fields, expected, got);
}

/* RFC 7239, 4 and 6. */
static void reads_the_examples_of_the_rfc(void **state)
{
    (void)state;
    expect("10.0.0.1", "Forwarded: for=\"_gazonk\"", "10.0.0.1 - ");
    expect("10.0.0.1", "Forwarded: For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17 - ");
    expect("10.0.0.1", "Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60 http ");
    expect("10.0.0.1", "Forwarded: for=192.0.2.43, for=198.51.100.17", "198.51.100.17 - ");
    expect("10.0.0.1", "Forwarded: for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown",
           "10.0.0.1 - ");
    expect("10.0.0.1", "Forwarded: for=192.0.2.43\nForwarded: for=198.51.100.17, for=192.0.2.60",
           "198.51.100.17 - ");
}

static void believes_nobody_who_is_not_trusted(void **state)
{
    (void)state;
    expect("203.0.113.9", "Forwarded: for=192.0.2.43;proto=https;host=a.example", "203.0.113.9 - ");
    expect("203.0.113.9",
           "X-Forwarded-For: 192.0.2.43\nX-Forwarded-Proto: https\n"
           "X-Forwarded-Host: a.example",
           "203.0.113.9 - ");
}

/* Whatever the client writes ahead stands to the left of what the first trusted proxy wrote. */
static void follows_trusted_proxies_from_the_right(void **state)
{
    (void)state;
    expect("10.0.0.1", "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 203.0.113.9", "203.0.113.9 - ");
    expect("10.0.0.1", "X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9 - ");
    expect("10.0.0.1", "X-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 203.0.113.9,10.0.0.2",
           "203.0.113.9 - ");
    expect("10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3 - ");
    expect("10.0.0.1", "X-Forwarded-For: [2001:db8::9]:1234", "2001:db8::9 - ");
    expect("10.0.0.1", "X-Forwarded-For: 1.1.1.1, nonsense, 10.0.0.2", "10.0.0.2 - ");
    expect("10.0.0.1", "X-Forwarded-For: 1.1.1.1,", "10.0.0.1 - ");
    expect("10.0.0.1", "X-Forwarded-For:", "10.0.0.1 - ");
    expect("10.0.0.1",
           "Forwarded: for=1.1.1.1;proto=https;host=evil.example,"
           "for=203.0.113.9;proto=http;host=a.example, for=10.0.0.2;host=inner",
           "203.0.113.9 http a.example");
}

static void goes_a_bounded_number_of_hops(void **state)
{
    char fields[1024] = "X-Forwarded-For: 203.0.113.9";
    char many[1024] = "Forwarded: for=203.0.113.9";

    (void)state;
    for (int i = 1; i < FORWARDED_HOPS_MAX; i++) {
        strcat(fields, ",10.0.0.2");
        strcat(many, ",for=10.0.0.2");
    }
    expect("10.0.0.1", fields, "203.0.113.9 - ");
    expect("10.0.0.1", many, "203.0.113.9 - ");
    strcat(fields, ",10.0.0.2");
    strcat(many, ",for=10.0.0.2");
    expect("10.0.0.1", fields, "10.0.0.2 - ");
    expect("10.0.0.1", many, "10.0.0.2 - ");
}

static void takes_scheme_and_host_from_proxies(void **state)
{
    (void)state;
    expect("10.0.0.1",
           "X-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: HTTPS\n"
           "X-Forwarded-Host: a.example:8443",
           "203.0.113.9 https a.example:8443");
    expect("10.0.0.1", "X-Forwarded-Proto: http, https\nX-Forwarded-Host: evil, b.example",
           "10.0.0.1 https b.example");
    expect("10.0.0.1", "Forwarded: for=203.0.113.9;proto=https;host=\"a.example:8443\"",
           "203.0.113.9 https a.example:8443");
    expect("10.0.0.1", "Forwarded: for=203.0.113.9\nX-Forwarded-Proto: https",
           "203.0.113.9 https ");
    expect("10.0.0.1", "X-Forwarded-Proto: gopher\nX-Forwarded-Host: a.example/path",
           "10.0.0.1 - ");
    expect("10.0.0.1", "X-Forwarded-Host: user@a.example", "10.0.0.1 - ");
    expect("10.0.0.1", "Forwarded: for=203.0.113.9;host=\"a\\\"b\"", "203.0.113.9 - ");
}

/* nginx sets the one and passes on what a client says in the other. */
static void believes_neither_where_two_kinds_disagree(void **state)
{
    (void)state;
    expect("10.0.0.1", "Forwarded: for=1.1.1.1;proto=https\nX-Forwarded-For: 203.0.113.9",
           "10.0.0.1 - ");
    expect("10.0.0.1", "X-Forwarded-For: 203.0.113.9\nForwarded: for=1.1.1.1;host=evil.example",
           "10.0.0.1 - ");
    expect("10.0.0.1", "Forwarded: for=203.0.113.9;proto=https\nX-Forwarded-For: 203.0.113.9",
           "203.0.113.9 https ");
    expect("10.0.0.1",
           "X-Forwarded-For: 203.0.113.9\nX-Forwarded-Host: a.example\nX-Forwarded-Proto: http\n"
           "Forwarded: for=203.0.113.9;host=evil.example;proto=https",
           "203.0.113.9 - ");
    expect("10.0.0.1",
           "X-Forwarded-For: 203.0.113.9\nX-Forwarded-Host: a.example\nX-Forwarded-Proto: http\n"
           "Forwarded: for=203.0.113.9;host=a.example;proto=http",
           "203.0.113.9 http a.example");
}

static void takes_what_the_grammar_allows(void **state)
{
    (void)state;
    expect("10.0.0.1", "Forwarded: , ;, ;for=203.0.113.9 ;; proto=http ;,", "203.0.113.9 http ");
    expect("10.0.0.1", "Forwarded: for=1.1.1.1,\t for=203.0.113.9;x=\"a,b;\\\"c\"",
           "203.0.113.9 - ");
    expect("10.0.0.1", "Forwarded: proto=https", "10.0.0.1 https ");
}

static void makes_nothing_of_what_it_forbids(void **state)
{
    static const char *const bad[] = {
        "for=203.0.113.9;for=203.0.113.8", /* "MUST NOT occur more than once" */
        "for=203.0.113.9;=x",
        "for=203.0.113.9;proto",
        "for=",
        "for=\"203.0.113.9",
        "for=\"203.0.113.9\\\"",
        "for=2001:db8::1", /* a colon is in no token */
        "for=203.0.113.9 proto=https",
        "for =203.0.113.9",
        "for= 203.0.113.9",
        "for=\"203.0.113.9\"x",
        "203.0.113.9",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char fields[256];
        (void)snprintf(fields, sizeof(fields), "Forwarded: for=1.1.1.1, %s", bad[i]);
        expect("10.0.0.1", fields, "10.0.0.1 - ");
    }
    expect("10.0.0.1", "Forwarded: for=\"\nForwarded: for=203.0.113.9", "203.0.113.9 - ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_examples_of_the_rfc),
        cmocka_unit_test(believes_nobody_who_is_not_trusted),
        cmocka_unit_test(follows_trusted_proxies_from_the_right),
        cmocka_unit_test(goes_a_bounded_number_of_hops),
        cmocka_unit_test(takes_scheme_and_host_from_proxies),
        cmocka_unit_test(believes_neither_where_two_kinds_disagree),
        cmocka_unit_test(takes_what_the_grammar_allows),
        cmocka_unit_test(makes_nothing_of_what_it_forbids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
