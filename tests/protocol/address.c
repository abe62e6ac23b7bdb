#include "protocol/address.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_and_writes_addresses(void **state)
{
    static const struct {
        const char *text, *written; /* NULL: no address */
    } cases[] = {
        { "203.0.113.9", "203.0.113.9" },
        { "::ffff:203.0.113.9", "203.0.113.9" },
        { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
        { "::", "::" },
        { "::1", "::1" },

        { "", NULL },
        { "1.2.3", NULL },
        { "1.2.3.4 ", NULL },
        { "1.2.3.256", NULL },
        { "01.2.3.4", NULL },
        { "1.2.3.4:80", NULL },
        { "[::1]", NULL },
        { "fe80::1%eth0", NULL },
        { "::1::", NULL },
        { "unix", NULL },
        { "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = { .kind = ADDRESS_UNIX };
        char text[ADDRESS_TEXT_BYTES];

        if (address_parse(bytes_of_text(cases[i].text), &address) != (cases[i].written != NULL))
            fail_msg("misjudged: %s", cases[i].text);
        address_format(&address, text);
        assert_string_equal(text, cases[i].written != NULL ? cases[i].written : "unix");
    }
    assert_false(address_parse(bytes_of("1.2.3.4\0", 8), &(struct address){ 0 }));
}

static void reads_what_proxies_write(void **state)
{
    static const struct {
        const char *text, *written;
    } cases[] = {
        { "192.0.2.43", "192.0.2.43" },
        { "192.0.2.43:47011", "192.0.2.43" },
        { "192.0.2.43:_port", "192.0.2.43" },
        { "[2001:db8:cafe::17]:4711", "2001:db8:cafe::17" },
        { "[2001:db8:cafe::17]", "2001:db8:cafe::17" },
        { "2001:db8:cafe::17", "2001:db8:cafe::17" },

        { "", NULL },
        { "unknown", NULL },
        { "_gazonk", NULL },
        { "192.0.2.43:", NULL },
        { "192.0.2.43:port", NULL },
        { "192.0.2.43:65536", NULL },
        { "[192.0.2.43]", NULL },
        { "[2001:db8::1", NULL },
        { "[]", NULL },
        { "[2001:db8::1]4711", NULL },
        { "2001:db8::1]:1", NULL },
        { ":80", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = { 0 };
        char text[ADDRESS_TEXT_BYTES];

        if (address_parse_node(bytes_of_text(cases[i].text), &address) !=
            (cases[i].written != NULL))
            fail_msg("misjudged: %s", cases[i].text);
        address_format(&address, text);
        assert_string_equal(text, cases[i].written != NULL ? cases[i].written : "unknown");
    }
}

static void knows_what_networks_are(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        { "", true },
        { "127.0.0.1", true },
        { "10.0.0.0/8, 192.168.0.0/16 fd00::/8,unix", true },
        { "0.0.0.0/0", true },
        { "::/0", true },
        { "::ffff:10.0.0.0/104", true },
        { "10.1.2.3/32", true },

        { "10.0.0.1/8", false },
        { "10.0.0.0/33", false },
        { "10.0.0.0/", false },
        { "10.0.0.0/-1", false },
        { "10.0.0.0/8/8", false },
        { "fd00::/129", false },
        { "fd00::1/64", false },
        { "/8", false },
        { "localhost", false },
        { "unix/8", false },
        { "10.0.0.0/8;::1", false },
        { "*", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct networks networks = { .count = 77 };
        if (networks_parse(bytes_of_text(cases[i].text), &networks) != cases[i].valid)
            fail_msg("misjudged: %s", cases[i].text);
        assert_true(cases[i].valid == (networks.count != 77));
    }
}

static void takes_so_many_networks_and_no_more(void **state)
{
    char text[(NETWORKS_MAX + 1) * 8 + 1] = "";
    struct networks networks;

    (void)state;
    for (size_t i = 0; i < NETWORKS_MAX; i++)
        strcat(text, "1.2.3.4,");
    assert_true(networks_parse(bytes_of_text(text), &networks));
    assert_int_equal(networks.count, NETWORKS_MAX);
    strcat(text, "1.2.3.4,");
    assert_false(networks_parse(bytes_of_text(text), &networks));
}

static void finds_addresses_in_networks(void **state)
{
    static const struct {
        const char *networks, *address;
        bool found;
    } cases[] = {
        { "10.0.0.0/8", "10.255.1.2", true },
        { "10.0.0.0/8", "::ffff:10.255.1.2", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "10.0.0.0/8", "a00::", false },
        { "192.0.2.128/25", "192.0.2.128", true },
        { "192.0.2.128/25", "192.0.2.127", false },
        { "0.0.0.0/0", "255.255.255.255", true },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "::/0", "203.0.113.9", true },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::", false },
        { "::1, 127.0.0.1", "127.0.0.1", true },
        { "::1, 127.0.0.1", "127.0.0.2", false },
        { "", "127.0.0.1", false },
        { "unix", "127.0.0.1", false },
        { "unix", "::", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct networks networks = { 0 };
        struct address address;

        assert_true(networks_parse(bytes_of_text(cases[i].networks), &networks));
        assert_true(address_parse(bytes_of_text(cases[i].address), &address));
        if (networks_have(&networks, &address) != cases[i].found)
            fail_msg("misjudged: %s in %s", cases[i].address, cases[i].networks);
    }
}

/* 0.0.0.0/0 and ::/0 are of addresses: who has none is not meant. */
static void tells_sockets_without_an_address_apart(void **state)
{
    struct address local = { .kind = ADDRESS_UNIX }, unknown = { 0 };
    struct networks networks = { 0 };

    (void)state;
    assert_true(networks_parse(bytes_of_text("::/0"), &networks));
    assert_false(networks_have(&networks, &local));
    assert_false(networks_have(&networks, &unknown));
    assert_true(networks_parse(bytes_of_text("10.0.0.0/8,unix"), &networks));
    assert_true(networks_have(&networks, &local));
    assert_false(networks_have(&networks, &unknown));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_addresses),
        cmocka_unit_test(reads_what_proxies_write),
        cmocka_unit_test(knows_what_networks_are),
        cmocka_unit_test(takes_so_many_networks_and_no_more),
        cmocka_unit_test(finds_addresses_in_networks),
        cmocka_unit_test(tells_sockets_without_an_address_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
