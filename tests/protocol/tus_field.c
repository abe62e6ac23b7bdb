#include "protocol/tus_field.h"

#include <stdio.h>

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t number;
    } cases[] = {
        { "0", 0 }, /* "even if the offset is 0" */
        { "70", 70 },
        { "100", 100 },
        { "007", 7 },
        { "4294967296", UINT64_C(1) << 32 },
        { "9223372036854775807", INT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char fields[128];
        struct message_text text;
        uint64_t offset = 77;
        struct tus_length length = { 0 };

        (void)snprintf(fields, sizeof(fields), "Upload-Offset: %s\nUpload-Length: %s",
                       cases[i].text, cases[i].text);
        message_text_fields(bytes_of_text(fields), &text);
        assert_int_equal(tus_offset_field(&text.message, &offset), 0);
        assert_true(offset == cases[i].number);
        assert_int_equal(tus_length_field(&text.message, &length), 0);
        assert_true(length.known);
        assert_true(length.bytes == cases[i].number);
    }
}

static void refuses_what_is_no_number(void **state)
{
    static const char *const cases[] = {
        "",
        "-1",
        "-0",
        "+5",
        "0x10",
        "1e3",
        "5 5",
        "5,5",
        "1.0",
        "a",
        "?1",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char fields[128];
        struct message_text text;
        uint64_t offset = 77;
        struct tus_length length = { .bytes = 77 };

        (void)snprintf(fields, sizeof(fields), "Upload-Offset: %s\nUpload-Length: %s", cases[i],
                       cases[i]);
        message_text_fields(bytes_of_text(fields), &text);
        assert_int_equal(tus_offset_field(&text.message, &offset), REFUSED_OFFSET_SYNTAX);
        assert_int_equal(tus_length_field(&text.message, &length), REFUSED_LENGTH_SYNTAX);
        assert_true(offset == 77);
        assert_true(length.bytes == 77);
    }
}

static void knows_missing_from_repeated(void **state)
{
    struct message_text text;
    uint64_t offset = 77;
    struct tus_length length = { .known = true, .bytes = 77 };
    bool deferred = true;

    (void)state;
    message_text_fields(bytes_of_text("Host: a"), &text);
    assert_int_equal(tus_offset_field(&text.message, &offset), REFUSED_OFFSET_SYNTAX);
    assert_int_equal(tus_length_field(&text.message, &length), 0);
    assert_false(length.known);
    assert_int_equal(tus_defer_length_field(&text.message, &deferred), 0);
    assert_false(deferred);

    message_text_fields(bytes_of_text("Upload-Offset: 5\nupload-offset: 5\n"
                                      "Upload-Length: 5\nupload-length: 5\n"
                                      "Upload-Defer-Length: 1\nupload-defer-length: 1"),
                        &text);
    assert_int_equal(tus_offset_field(&text.message, &offset), REFUSED_REPEATED_FIELD);
    assert_int_equal(tus_length_field(&text.message, &length), REFUSED_REPEATED_FIELD);
    assert_int_equal(tus_defer_length_field(&text.message, &deferred), REFUSED_REPEATED_FIELD);
    assert_true(offset == 77);
}

static void defers_a_length_in_one_way(void **state)
{
    static const struct {
        const char *fields;
        int means;
    } cases[] = {
        { "Upload-Defer-Length: 1", 0 },
        { "Upload-Defer-Length: 0", REFUSED_DEFER_SYNTAX },
        { "Upload-Defer-Length: true", REFUSED_DEFER_SYNTAX },
        { "Upload-Defer-Length:", REFUSED_DEFER_SYNTAX },
        { "Upload-Defer-Length: 11", REFUSED_DEFER_SYNTAX },
        { "Upload-Defer-Length: 01", REFUSED_DEFER_SYNTAX },
        { "Upload-Defer-Length: ?1", REFUSED_DEFER_SYNTAX },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message_text text;
        bool deferred = false;
        message_text_fields(bytes_of_text(cases[i].fields), &text);
        assert_int_equal(tus_defer_length_field(&text.message, &deferred), cases[i].means);
        assert_int_equal(deferred, cases[i].means == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(knows_missing_from_repeated),
        cmocka_unit_test(defers_a_length_in_one_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
