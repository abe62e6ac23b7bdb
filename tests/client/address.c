#include "tools/ferry/address.h"

#include <stdlib.h>

#include "tests/check.h"

static void takes_user_and_password_out(void **state)
{
    struct address address = { 0 };

    (void)state;
    assert_true(address_parse("HTTPS://me:p%40ss@Host:8443/files/#top", &address));
    assert_string_equal(address.url, "https://Host:8443/files/");
    assert_string_equal(address.user, "me");
    assert_string_equal(address.password, "p@ss");
    address_done(&address);

    assert_true(address_parse("http://[::1]:1080/files/?a=b", &address));
    assert_string_equal(address.url, "http://[::1]:1080/files/?a=b");
    assert_null(address.user);
    address_done(&address);
}

static void refuses_what_is_no_web_address(void **state)
{
    static const char *const cases[] = { "",
                                         "files",
                                         "host/files",
                                         "ftp://host/",
                                         "http://",
                                         "file:///etc/passwd",
                                         "http://host:99999/",
                                         "javascript:x" };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address address = { 0 };
        assert_false(address_parse(cases[i], &address));
    }
}

static void resolves_references(void **state)
{
    static const struct {
        const char *base, *reference, *url;
    } cases[] = {
        { "http://h:1080/files/", "/files/x", "http://h:1080/files/x" },
        { "http://h:1080/files/", "x", "http://h:1080/files/x" },
        { "http://h:1080/files", "x", "http://h:1080/x" },
        { "http://h/a/b/", "../x?y=z#top", "http://h/a/x?y=z" },
        { "http://h/files/", "http://other/x", "http://other/x" },
        { "https://h/files/", "//other/x", "https://other/x" },
        { "http://h/files/", "https://me:pw@h/x", "https://h/x" },
        { "https://h/files/", "http://h/x", NULL }, /* everybody could read along */
        { "http://h/files/", "ftp://h/x", NULL },
        { "http://h/files/", "file:///x", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *url = address_resolve(cases[i].base, cases[i].reference);
        if (cases[i].url == NULL)
            assert_null(url);
        else
            assert_string_equal(url, cases[i].url);
        free(url);
    }
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    (void)state;
    assert_true(address_same_origin("http://h/a", "http://H:80/b"));
    assert_true(address_same_origin("https://h/", "https://h:443/"));
    assert_false(address_same_origin("http://h/", "https://h/"));
    assert_false(address_same_origin("http://h/", "http://h:81/"));
    assert_false(address_same_origin("http://h/", "http://h.other/"));
    assert_false(address_same_origin("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_user_and_password_out),
        cmocka_unit_test(refuses_what_is_no_web_address),
        cmocka_unit_test(resolves_references),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
