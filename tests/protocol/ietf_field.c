#include "protocol/ietf_field.h"

#include <stdio.h>

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/ietf_text.h"

/* "Other values MUST cause the entire header field to be ignored." */
static void reads_sizes_and_ignores_all_else(void **state)
{
    static const struct {
        const char *value;
        bool known;
        uint64_t size;
    } cases[] = {
        { "0", true, 0 },
        { "70", true, 70 },
        { "070", true, 70 },
        { "5;a", true, 5 },
        { "999999999999999", true, IETF_SIZE_MAX },
        { "1000000000000000", false, 0 },
        { "-1", false, 0 },
        { "5.0", false, 0 },
        { "\"5\"", false, 0 },
        { "5, 5", false, 0 },
        { "5\nUpload-Offset: 5\nUpload-Length: 5", false, 0 },
        { "five", false, 0 },
        { "+5", false, 0 },
        { "0x10", false, 0 },
        { "1e3", false, 0 },
        { "@5", false, 0 },
        { "", false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message_text text;
        char fields[200];
        uint64_t offset = 77;

        (void)snprintf(fields, sizeof(fields), "Upload-Offset: %s", cases[i].value);
        message_text_fields(bytes_of_text(fields), &text);
        if (ietf_offset_field(&text.message, &offset) != cases[i].known)
            fail_msg("misread: %s", cases[i].value);
        assert_true(offset == (cases[i].known ? cases[i].size : 77));

        (void)snprintf(fields, sizeof(fields), "Upload-Length: %s", cases[i].value);
        message_text_fields(bytes_of_text(fields), &text);
        struct ietf_length length = ietf_length_field(&text.message);
        assert_int_equal(length.known, cases[i].known);
        assert_true(length.bytes == cases[i].size);
    }
}

static void reads_completeness_in_the_words_of_each_version(void **state)
{
    static const struct {
        const char *fields;
        unsigned versions;
        int complete; /* 1, 0, or -1: it does not say */
    } cases[] = {
        { "Upload-Complete: ?1", EVERY & ~IN(3), 1 },
        { "Upload-Complete: ?0", EVERY & ~IN(3), 0 },
        { "Upload-Complete: ?1;a=b", EVERY & ~IN(3), 1 },
        { "Upload-Complete: ?1", IN(3), -1 },
        { "Upload-Incomplete: ?1", IN(3), 0 },
        { "Upload-Incomplete: ?0", IN(3), 1 },
        { "Upload-Incomplete: ?0", EVERY & ~IN(3), -1 },
        { "Upload-Complete: true", EVERY, -1 },
        { "Upload-Complete: 1", EVERY, -1 },
        { "Upload-Complete: ?2", EVERY, -1 },
        { "Upload-Complete: ?1, ?1", EVERY, -1 },
        { "Upload-Complete: ?1\nUpload-Complete: ?1", EVERY, -1 },
        { "Upload-Complete:", EVERY, -1 },
        { "", EVERY, -1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (unsigned number = 0; number <= 10; number++) {
            struct message_text text;
            bool complete = false;

            if ((cases[i].versions & IN(number)) == 0)
                continue;
            message_text_fields(bytes_of_text(cases[i].fields), &text);
            bool says = ietf_completeness_field(&text.message, version(number), &complete);
            if (says != (cases[i].complete >= 0) || complete != (cases[i].complete == 1))
                fail_msg("misread by version %u: %s", number, cases[i].fields);
        }
    }
}

static void knows_which_fields_are_excluded(void **state)
{
    static const struct {
        const char *fields;
        unsigned number, excluded;
        int means;
    } cases[] = {
        { "", 6, IETF_FIELD_OFFSET | IETF_FIELD_COMPLETENESS | IETF_FIELD_LENGTH, 0 },
        { "Upload-Offset: 5", 6, IETF_FIELD_OFFSET, REFUSED_FIELD_EXCLUDED },
        { "Upload-Offset: no number", 6, IETF_FIELD_OFFSET, REFUSED_FIELD_EXCLUDED },
        { "Upload-Offset: 5", 6, IETF_FIELD_LENGTH, 0 },
        { "Upload-Complete: ?1", 6, IETF_FIELD_COMPLETENESS, REFUSED_FIELD_EXCLUDED },
        { "Upload-Complete: ?1", 6, 0, 0 },
        { "Upload-Complete: ?1", 3, IETF_FIELD_COMPLETENESS, 0 },
        { "Upload-Incomplete: ?1", 3, IETF_FIELD_COMPLETENESS, REFUSED_FIELD_EXCLUDED },
        { "Upload-Length: 5", 6, IETF_FIELD_LENGTH, REFUSED_FIELD_EXCLUDED },
        { "Upload-Length: 5", 6, IETF_FIELD_OFFSET | IETF_FIELD_COMPLETENESS, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message_text text;
        message_text_fields(bytes_of_text(cases[i].fields), &text);
        int r = ietf_fields_check(&text.message, version(cases[i].number), cases[i].excluded);
        if (r != cases[i].means)
            fail_msg("%d instead of %d: %s", r, cases[i].means, cases[i].fields);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sizes_and_ignores_all_else),
        cmocka_unit_test(reads_completeness_in_the_words_of_each_version),
        cmocka_unit_test(knows_which_fields_are_excluded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
