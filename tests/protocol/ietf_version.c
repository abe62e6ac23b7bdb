#include "protocol/ietf_version.h"

#include "tests/check.h"
#include "tests/protocol/ietf_text.h"

static void reads_the_number(void **state)
{
    static const struct {
        const char *fields;
        unsigned number;
    } cases[] = {
        { "Upload-Draft-Interop-Version: 3", 3 },
        { "Upload-Draft-Interop-Version: 4", 4 },
        { "Upload-Draft-Interop-Version: 5", 5 },
        { "upload-draft-interop-version: 6", 6 },
        { "Upload-Draft-Interop-Version: 7", 7 },
        { "Upload-Draft-Interop-Version: 8;a=b", 8 },
        { "Upload-Draft-Interop-Version: 9", 9 },
        { "Upload-Draft-Interop-Version: 10", 10 },
        { "", 0 },
        { "Upload-Draft-Interop-Version:", 0 },
        { "Upload-Draft-Interop-Version: 0", 0 },
        { "Upload-Draft-Interop-Version: 2", 0 },
        { "Upload-Draft-Interop-Version: 11", 0 },
        { "Upload-Draft-Interop-Version: -8", 0 },
        { "Upload-Draft-Interop-Version: 8.0", 0 },
        { "Upload-Draft-Interop-Version: \"8\"", 0 },
        { "Upload-Draft-Interop-Version: @8", 0 },
        { "Upload-Draft-Interop-Version: 8, 8", 0 },
        { "Upload-Draft-Interop-Version: 8\nUpload-Draft-Interop-Version: 8", 0 },
        { "Upload-Draft-Interop-Version: 4294967304", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message_text text;
        message_text_fields(bytes_of_text(cases[i].fields), &text);
        if (ietf_version_of(&text.message)->number != cases[i].number)
            fail_msg("misread: %s", cases[i].fields);
    }
}

/* The table of versions once more, by what changed in which. */
static void knows_what_changed_when(void **state)
{
    (void)state;
    for (size_t i = 0; i < IETF_VERSION_COUNT; i++) {
        const struct ietf_version *v = &IETF_VERSIONS[i];
        unsigned n = v->number == 0 ? 11 : v->number; /* the RFC is the newest */

        assert_string_equal(v->completeness_field,
                            n == 3 ? "Upload-Incomplete" : "Upload-Complete");
        assert_int_equal(v->completeness_of_complete, n != 3);
        assert_int_equal(v->media_type_required, n >= 6);
        assert_int_equal(v->completeness_required, n >= 7);
        assert_int_equal(v->completeness_is_state, n <= 6);
        assert_int_equal(v->append_status, n <= 6 ? 201 : 204);
        assert_int_equal(v->gone_is_unknown, n <= 6);
        assert_int_equal(v->length_completes, n == 5 || n == 6);
        assert_int_equal(v->excess_invalidates, n >= 8);
        assert_int_equal(v->completed_is_inconsistent, n >= 9);
        if (n < 6)
            assert_null(v->lifetime_key);
        else
            assert_string_equal(v->lifetime_key, n == 6 ? "expires" : "max-age");

        assert_int_equal((v->problems & 1U << PROBLEM_MISMATCHING_OFFSET) != 0, n >= 6);
        assert_int_equal((v->problems & 1U << PROBLEM_INCONSISTENT_LENGTH) != 0, n >= 7);
        assert_int_equal((v->problems & 1U << PROBLEM_COMPLETED) != 0, n >= 6 && n <= 8);

        assert_int_equal((v->head_excludes & IETF_FIELD_OFFSET) != 0, n <= 6 || n == 11);
        assert_int_equal((v->head_excludes & IETF_FIELD_COMPLETENESS) != 0, n <= 6 || n == 11);
        assert_int_equal((v->head_excludes & IETF_FIELD_LENGTH) != 0, n == 6);
        assert_int_equal((v->delete_excludes & IETF_FIELD_OFFSET) != 0, n <= 6 || n == 11);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_number),
        cmocka_unit_test(knows_what_changed_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
