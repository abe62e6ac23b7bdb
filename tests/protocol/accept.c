#include "protocol/accept.h"

#include <stdio.h>

#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define JSON  "application/json;charset=utf-8"
#define BYTES "application/octet-stream"

static unsigned weight(const char *fields, const char *type)
{
    struct message_text text;

    message_text_fields(bytes_of_text(fields), &text);
    return accept_weight(&text.message, type);
}

static void gives_the_weights_of_the_example_in_rfc_9110(void **state)
{
    static const char fields[] =
        "Accept: text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, "
        "text/plain;format=fixed;q=0.4, */*;q=0.5";

    (void)state;
    assert_int_equal(weight(fields, "text/plain;format=flowed"), 1000);
    assert_int_equal(weight(fields, "text/plain"), 700);
    assert_int_equal(weight(fields, "text/html"), 300);
    assert_int_equal(weight(fields, "image/jpeg"), 500);
    assert_int_equal(weight(fields, "text/plain;format=fixed"), 400);

    /* Where the RFC's table has 0.7, which no range that matches it says. */
    assert_int_equal(weight(fields, "text/html;level=3"), 300);
}

static void reads_weights(void **state)
{
    static const struct {
        const char *fields;
        unsigned weight;
    } cases[] = {
        { "", 1000 },
        { "Accept: application/json", 1000 },
        { "Accept: application/json;q=1", 1000 },
        { "Accept: application/json;q=1.", 1000 },
        { "Accept: application/json;q=1.000", 1000 },
        { "Accept: application/json;q=0.123", 123 },
        { "Accept: application/json;q=0.1", 100 },
        { "Accept: application/json ; Q=0.5", 500 },
        { "Accept: APPLICATION/Json;q=0", 0 },
        { "Accept: application/*;q=0.2", 200 },
        { "Accept: */*;q=0.001", 1 },
        { "Accept: application/json;;q=0.5;", 500 },
        { "accept: application/json;q=0.5;charset=utf-8", 500 },
        { "Accept: application/json;charset=\"UTF-8\";q=0.5", 500 },
        { "Accept: application/json;charset=utf-8;q=0.5, application/json", 500 },
        { "Accept: text/html\nAccept: application/json;q=0.5", 500 },
        { "Accept: application/json;q=0.2, application/json;q=0.8", 800 },
        { "Accept: application/json;q=0.8, application/json;q=0.2", 800 },
        { "Accept: , ,application/json;q=0.3,", 300 },
        { "Accept: a/b;c=\"x, application/json\", application/json;q=0.3", 300 },
        { "Accept: a/b;c=\"\\\", application/json\", application/json;q=0.3", 300 },

        { "Accept:", 0 },
        { "Accept: text/html", 0 },
        { "Accept: application", 0 },
        { "Accept: application/", 0 },
        { "Accept: */json", 0 },
        { "Accept: *", 0 },
        { "Accept: application/json2", 0 },
        { "Accept: application/json;version=2", 0 },
        { "Accept: application/json;charset=latin-1", 0 },
        { "Accept: application/json;charset", 0 },
        { "Accept: a/b;c=\"application/json", 0 },

        { "Accept: application/json;q=", 0 },
        { "Accept: application/json;q=.5", 0 },
        { "Accept: application/json;q=2", 0 },
        { "Accept: application/json;q=1.001", 0 },
        { "Accept: application/json;q=0.1234", 0 },
        { "Accept: application/json;q=0,5", 0 },
        { "Accept: application/json;q=00.5", 0 },
        { "Accept: application/json;q=-1", 0 },
        { "Accept: application/json;q=0.5a", 0 },
        { "Accept: application/json;q=x, */*;q=0.4", 400 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (weight(cases[i].fields, JSON) != cases[i].weight)
            fail_msg("%u for %s", weight(cases[i].fields, JSON), cases[i].fields);
}

static void prefers_what_is_wanted_more(void **state)
{
    static const struct {
        const char *accept;
        bool json;
    } cases[] = {
        { "application/json", true },
        { "application/json; charset=utf-8", true },
        { "application/json, */*;q=0.5", true },
        { "application/json, application/problem+json", true },
        { "application/json;q=0.1", true },
        { "*/*;q=0.1, application/json;q=0.2", true },
        { "application/octet-stream;q=0.9, application/json", true },
        { "application/octet-stream;q=0, */*", true },

        { "*/*", false },
        { "", false },
        { "application/*", false },
        { "application/json;q=0, */*", false },
        { "application/json, */*", false },
        { "application/json, text/plain, */*", false },
        { "application/json;q=0.9, application/octet-stream", false },
        /* Firefox, Chromium: a page; an image; a script */
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
          "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
          false },
        { "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", false },
        { "audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,application/ogg;q=0.7,*/*;q=0.5", false },
        /* java.net.HttpURLConnection */
        { "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char fields[512];
        struct message_text text;
        (void)snprintf(fields, sizeof(fields), "Accept: %s", cases[i].accept);
        message_text_fields(bytes_of_text(fields), &text);
        if (accept_prefers(&text.message, JSON, BYTES) != cases[i].json)
            fail_msg("misread: %s", cases[i].accept);
    }
}

static void without_the_field_nothing_is_preferred(void **state)
{
    struct message_text text;

    (void)state;
    message_text_fields(bytes_of_text("Host: a\nAccept-Language: de"), &text);
    assert_false(accept_prefers(&text.message, JSON, BYTES));
    assert_false(accept_prefers(&text.message, BYTES, JSON));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_weights_of_the_example_in_rfc_9110),
        cmocka_unit_test(reads_weights),
        cmocka_unit_test(prefers_what_is_wanted_more),
        cmocka_unit_test(without_the_field_nothing_is_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
