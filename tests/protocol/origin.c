#include "protocol/origin.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void knows_what_an_origin_is(void **state)
{
    static const struct {
        const char *list;
        bool valid;
    } cases[] = {
        { "", true },
        { "*", true },
        { "https://app.example", true },
        { "HTTPS://App.Example", true },
        { "http://localhost:8080", true },
        { "http://localhost:443", true },
        { "https://localhost:8443", true },
        { "http://[::1]:8080", true },
        { "http://127.0.0.1", true },
        { "chrome-extension://abcdefgh", true },
        { "https://a.example,https://b.example", true },
        { "https://a.example, https://b.example https://c.example", true },
        { " , https://a.example ,", true },

        { "app.example", false },
        { "https:app.example", false },
        { "https:/app.example", false },
        { "https://", false },
        { "://app.example", false },
        { "1https://app.example", false },
        { "https://app.example/", false },
        { "https://app.example/path", false },
        { "https://app.example:", false },
        { "https://app.example:443", false },
        { "http://app.example:80", false },
        { "https://app.example:port", false },
        { "https://user@app.example", false },
        { "https://*.example", false },
        { "https://*", false },
        { "null", false },
        { "* https://app.example", false },
        { "https://app.example, *", false },
        { "https://a.example;https://b.example", false },
        { "https://a.example\thttps://b.example", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (origin_list_valid(bytes_of_text(cases[i].list)) != cases[i].valid)
            fail_msg("misjudged: %s", cases[i].list);
}

static void finds_an_origin_by_its_whole_name(void **state)
{
    static const char list[] = "https://App.example, http://localhost:8080";
    static const struct {
        const char *origin;
        bool found;
    } cases[] = {
        { "https://app.example", true },
        { "HTTPS://APP.EXAMPLE", true },
        { "http://localhost:8080", true },

        { "", false },
        { "*", false },
        { "null", false },
        { "http://app.example", false },
        { "https://app.example:8443", false },
        { "https://app.example/", false },
        { "https://app.example.evil", false },
        { "https://evil.app.example", false },
        { "https://app.exampl", false },
        { "http://localhost", false },
        { "http://localhost:80800", false },
        { "https://App.example, http://localhost:8080", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (origin_list_has(bytes_of_text(list), bytes_of_text(cases[i].origin)) != cases[i].found)
            fail_msg("misjudged: %s", cases[i].origin);
    assert_false(origin_list_has(bytes_of_text(""), bytes_of_text("https://app.example")));
}

static void everybody_is_a_list_of_its_own(void **state)
{
    (void)state;
    assert_true(origin_list_has_all(bytes_of_text("*")));
    assert_false(origin_list_has_all(bytes_of_text("")));
    assert_false(origin_list_has_all(bytes_of_text("https://app.example")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_an_origin_is),
        cmocka_unit_test(finds_an_origin_by_its_whole_name),
        cmocka_unit_test(everybody_is_a_list_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
