#include "protocol/precondition.h"

#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define THEN   "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

/* Of "same", last modified at THEN. */
static struct validators validators(void)
{
    return (struct validators){
        .entity_tag.opaque = bytes_of_text("\"same\""),
        .modified = 784111777,
        .now = 1700000000,
    };
}

struct precondition_case {
    const char *fields;
    enum precondition is;
};

static void expect(const struct precondition_case *cases, size_t count)
{
    struct validators known = validators();

    for (size_t i = 0; i < count; i++) {
        struct message_text text;
        message_text_fields(bytes_of_text(cases[i].fields), &text);
        enum precondition is = precondition_evaluate(&text.message, &known);
        if (is != cases[i].is)
            fail_msg("%d: %s", (int)is, cases[i].fields);
    }
}

static void evaluates_each_field_alone(void **state)
{
    static const struct precondition_case cases[] = {
        { "", PRECONDITION_HOLDS },

        { "If-Match: \"same\"", PRECONDITION_HOLDS },
        { "If-Match: \"other\"", PRECONDITION_FAILED },
        { "If-Match: \"other\", \"same\"", PRECONDITION_HOLDS },
        { "If-Match: \"other\"\nif-match: \"same\"", PRECONDITION_HOLDS },
        { "If-Match: W/\"same\"", PRECONDITION_FAILED }, /* 13.1.1: strong comparison */
        { "If-Match: *", PRECONDITION_HOLDS },
        { "If-Match:", PRECONDITION_FAILED },
        { "If-Match: same", PRECONDITION_FAILED },

        { "If-None-Match: \"same\"", PRECONDITION_NOT_MODIFIED },
        { "If-None-Match: \"other\"", PRECONDITION_HOLDS },
        { "If-None-Match: \"other\", \"same\"", PRECONDITION_NOT_MODIFIED },
        { "If-None-Match: \"other\"\nIf-None-Match: \"same\"", PRECONDITION_NOT_MODIFIED },
        { "If-None-Match: W/\"same\"", PRECONDITION_NOT_MODIFIED }, /* 13.1.2: weak comparison */
        { "If-None-Match: *", PRECONDITION_NOT_MODIFIED },
        { "If-None-Match: same", PRECONDITION_HOLDS },

        { "If-Modified-Since: " BEFORE, PRECONDITION_HOLDS },
        { "If-Modified-Since: " THEN, PRECONDITION_NOT_MODIFIED },
        { "If-Modified-Since: " AFTER, PRECONDITION_NOT_MODIFIED },
        { "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", PRECONDITION_NOT_MODIFIED },
        { "If-Modified-Since: Sun Nov  6 08:49:37 1994", PRECONDITION_NOT_MODIFIED },
        { "If-Modified-Since: today", PRECONDITION_HOLDS },
        { "If-Modified-Since: " THEN "\nIf-Modified-Since: " THEN, PRECONDITION_HOLDS },

        { "If-Unmodified-Since: " BEFORE, PRECONDITION_FAILED },
        { "If-Unmodified-Since: " THEN, PRECONDITION_HOLDS },
        { "If-Unmodified-Since: " AFTER, PRECONDITION_HOLDS },
        { "If-Unmodified-Since: today", PRECONDITION_HOLDS },
        { "If-Unmodified-Since: " BEFORE "\nIf-Unmodified-Since: " BEFORE, PRECONDITION_HOLDS },
    };

    (void)state;
    expect(cases, COUNT(cases));
}

static void keeps_the_order_of_the_specification(void **state)
{
    /* RFC 9110, 13.2.2 */
    static const struct precondition_case cases[] = {
        /* 1 before 2 */
        { "If-Match: \"same\"\nIf-Unmodified-Since: " BEFORE, PRECONDITION_HOLDS },
        { "If-Match: \"other\"\nIf-Unmodified-Since: " AFTER, PRECONDITION_FAILED },
        /* 1 and 2 before 3 and 4 */
        { "If-Match: \"other\"\nIf-None-Match: \"same\"", PRECONDITION_FAILED },
        { "If-Match: \"same\"\nIf-None-Match: \"same\"", PRECONDITION_NOT_MODIFIED },
        { "If-Match: \"same\"\nIf-Modified-Since: " THEN, PRECONDITION_NOT_MODIFIED },
        { "If-Unmodified-Since: " BEFORE "\nIf-None-Match: \"same\"", PRECONDITION_FAILED },
        { "If-Unmodified-Since: " THEN "\nIf-None-Match: \"same\"", PRECONDITION_NOT_MODIFIED },
        /* 3 before 4 */
        { "If-None-Match: \"other\"\nIf-Modified-Since: " AFTER, PRECONDITION_HOLDS },
        { "If-None-Match: \"same\"\nIf-Modified-Since: " BEFORE, PRECONDITION_NOT_MODIFIED },
    };

    (void)state;
    expect(cases, COUNT(cases));
}

static void a_change_needs_what_it_was_meant_for(void **state)
{
    static const struct {
        const char *fields;
        bool allowed, allowed_of_nothing;
    } cases[] = {
        { "", true, true },
        { "If-Match: \"same\"", true, false },
        { "If-Match: *", true, false },
        { "If-Match: \"other\"", false, false },
        { "If-Match: W/\"same\"", false, false },
        { "If-Unmodified-Since: " THEN, true, true },
        { "If-Unmodified-Since: " BEFORE, false, true },
        { "If-None-Match: \"other\"", true, true },
        { "If-None-Match: W/\"same\"", false, true },
        { "If-None-Match: *", false, true },
        { "If-Modified-Since: " THEN, true, true }, /* 13.1.3: for GET and HEAD */
    };
    struct validators known = validators();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message_text text;
        message_text_fields(bytes_of_text(cases[i].fields), &text);
        if (precondition_allows_change(&text.message, &known) != cases[i].allowed ||
            precondition_allows_change(&text.message, NULL) != cases[i].allowed_of_nothing)
            fail_msg("%s", cases[i].fields);
    }
}

static void a_range_counts_while_the_content_is_the_same(void **state)
{
    static const struct {
        const char *fields;
        bool counts;
    } cases[] = {
        { "", true },
        { "If-Range: \"same\"", true },
        { "If-Range: \"other\"", false },
        { "If-Range: W/\"same\"", false }, /* 13.1.5: strong comparison */
        { "If-Range: \"same\", \"other\"", false },
        { "If-Range: *", false },
        { "If-Range:", false },
        { "If-Range: " THEN, true },
        { "If-Range: Sunday, 06-Nov-94 08:49:37 GMT", true },
        { "If-Range: " BEFORE, false },
        { "If-Range: " AFTER, false }, /* 13.1.5: exactly */
        { "If-Range: \"same\"\nIf-Range: \"same\"", false },
    };
    struct validators known = validators();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message_text text;
        message_text_fields(bytes_of_text(cases[i].fields), &text);
        if (precondition_range_counts(&text.message, &known) != cases[i].counts)
            fail_msg("%s: %s", cases[i].counts ? "did not count" : "counted", cases[i].fields);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluates_each_field_alone),
        cmocka_unit_test(keeps_the_order_of_the_specification),
        cmocka_unit_test(a_change_needs_what_it_was_meant_for),
        cmocka_unit_test(a_range_counts_while_the_content_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
