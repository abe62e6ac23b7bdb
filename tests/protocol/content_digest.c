#include "protocol/content_digest.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 9530, Appendix B: of {"hello": "world"} and a line feed */
#define SHA256 "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
#define SHA512                                                                            \
    "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/" \
    "WkppmM44T3qg==:"

static int read_fields(const char *fields, struct content_digests *ret_digests)
{
    struct message_text text;
    message_text_fields(bytes_of_text(fields), &text);
    return content_digests_field(&text.message, "Content-Digest", ret_digests);
}

static void reads_what_we_know_and_ignores_what_not(void **state)
{
    static const struct {
        const char *fields;
        size_t count;
        enum digest_algorithm first;
    } cases[] = {
        { "Content-Digest: " SHA256, 1, DIGEST_SHA256 },
        { "Content-Digest: " SHA512, 1, DIGEST_SHA512 },
        { "Content-Digest: " SHA512 ", " SHA256, 2, DIGEST_SHA256 },
        { "Content-Digest: " SHA512 "\nContent-Digest: " SHA256, 2, DIGEST_SHA256 },
        { "Content-Digest: md5=:Sd/dVLAcvNLSq16eXua5uQ==:, " SHA256 ";a=b", 1, DIGEST_SHA256 },
        { "Content-Digest: md5=:Sd/dVLAcvNLSq16eXua5uQ==:, unknown=5, other=(1 2)", 0, 0 },
        { "Repr-Digest: " SHA256, 0, 0 },
        { "Content-Digest:", 0, 0 },
        { "", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct content_digests digests;
        if (read_fields(cases[i].fields, &digests) != 0 || digests.count != cases[i].count)
            fail_msg("misread: %s", cases[i].fields);
        if (digests.count > 0)
            assert_int_equal(digests.values[0].algorithm, cases[i].first);
    }
}

static void refuses_what_can_be_no_digest(void **state)
{
    static const char *const cases[] = {
        "Content-Digest: sha-256=:YQ==:",
        "Content-Digest: sha-256=RK",
        "Content-Digest: sha-256",
        "Content-Digest: sha-256=?1",
        "Content-Digest: sha-256=\"RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=\"",
        "Content-Digest: " SHA256 ",",
        "Content-Digest: " SHA256 "\nContent-Digest: !",
        "Content-Digest: md5=",
        "Content-Digest: sha-512=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct content_digests digests = { .count = 77 };
        if (read_fields(cases[i], &digests) != REFUSED_DIGEST_FIELD)
            fail_msg("not refused: %s", cases[i]);
        assert_int_equal(digests.count, 77);
    }
}

static void writes_what_it_reads(void **state)
{
    struct content_digests digests;
    char text[CONTENT_DIGEST_BYTES];

    (void)state;
    assert_int_equal(read_fields("Content-Digest: " SHA256 ", " SHA512, &digests), 0);
    content_digest_format(&digests.values[0], text);
    assert_string_equal(text, SHA256);
    content_digest_format(&digests.values[1], text);
    assert_string_equal(text, SHA512);
}

static void knows_what_is_wanted(void **state)
{
    static const struct {
        const char *value;
        bool wanted;
    } cases[] = {
        { "sha-256=10", true },
        { "sha-256=1", true },
        { "sha-512=3, sha-256=10, md5=0", true },
        { "sha-256=0", false },
        { "sha-512=10", false },
        { "", false },
        { "sha-256=11", false },
        { "sha-256=10, broken", true },
        { "sha-256=10,", false },
        { "sha-256", false },
        { "sha-256=1.0", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct field field = { bytes_of_text("Want-Repr-Digest"), bytes_of_text(cases[i].value) };
        struct message message = { .fields = &field, .field_count = 1 };
        if (content_digest_wanted(&message, "Want-Repr-Digest", DIGEST_SHA256) != cases[i].wanted)
            fail_msg("misread: %s", cases[i].value);
        assert_false(content_digest_wanted(&message, "Want-Repr-Digest", DIGEST_SHA1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_we_know_and_ignores_what_not),
        cmocka_unit_test(refuses_what_can_be_no_digest),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(knows_what_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
