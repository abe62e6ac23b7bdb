#include "protocol/ietf_creation.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/ietf_text.h"

#define CONTENT "Content-Digest: sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:\n"
#define REPR    "Repr-Digest: sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:\n"
#define CHUNKED UINT64_MAX

/* max-size is 1000, min-size 10, max-append-size 500, min-append-size 5 in all of them */
static const struct ietf_limits limits = { 1000, 10, 500, 5 };

/* The fields in the words of version 4 and later; body: Content-Length. */
static const struct decision {
    const char *fields;
    uint64_t body;
    unsigned versions;
    int means;
    bool completes;
    struct ietf_length length;
    uint64_t room;
    bool silent; /* no interim responses, even to a version that has them */
} decisions[] = {
    { "Upload-Complete: ?1", 100, EVERY & ~IN(3), 0, true, { true, 100 }, 100, false },
    { "Upload-Incomplete: ?0", 100, IN(3), 0, true, { true, 100 }, 100, false },
    { "Upload-Complete: ?0", 100, EVERY & ~IN(3), 0, false, { false, 0 }, 500, false },
    { "Upload-Incomplete: ?1", 100, IN(3), 0, false, { false, 0 }, 500, false },
    { "Upload-Complete: ?0\nUpload-Length: 100",
      0,
      EVERY & ~IN(3),
      0,
      false,
      { true, 100 },
      100,
      false },
    { "Upload-Complete: ?0\nUpload-Length: 100",
      60,
      EVERY & ~IN(3),
      0,
      false,
      { true, 100 },
      100,
      false },
    { "Upload-Complete: ?1\nUpload-Length: 100",
      100,
      EVERY & ~IN(3),
      0,
      true,
      { true, 100 },
      100,
      false },
    { "Upload-Complete: ?1\nUpload-Length: 100",
      CHUNKED,
      EVERY & ~IN(3),
      0,
      true,
      { true, 100 },
      100,
      false },
    { "Upload-Complete: ?1", CHUNKED, EVERY & ~IN(3), 0, true, { false, 0 }, 500, false },
    { "Upload-Complete: ?1", 0, EVERY & ~IN(3), 0, true, { true, 0 }, 0, true },
    { "Upload-Complete: ?0", 0, EVERY & ~IN(3), 0, false, { false, 0 }, 500, false },
    { "Upload-Complete: ?0\nUpload-Length: five",
      0,
      EVERY & ~IN(3),
      0,
      false,
      { false, 0 },
      500,
      false },
    { CONTENT "Upload-Complete: ?1", 100, EVERY & ~IN(3), 0, true, { true, 100 }, 100, true },
    { REPR "Upload-Complete: ?1", 100, EVERY & ~IN(3), 0, true, { true, 100 }, 100, false },

    { "Upload-Length: 100", 100, EVERY, REFUSED_COMPLETENESS, 0, { 0 }, 0, 0 },
    { "Upload-Complete: true", 100, EVERY, REFUSED_COMPLETENESS, 0, { 0 }, 0, 0 },
    { "Upload-Complete: ?1", 100, IN(3), REFUSED_COMPLETENESS, 0, { 0 }, 0, 0 },
    { "Upload-Complete: ?1\nContent-Digest: !",
      100,
      EVERY & ~IN(3),
      REFUSED_DIGEST_FIELD,
      0,
      { 0 },
      0,
      0 },
    { "Upload-Complete: ?1\nRepr-Digest: sha-256=5",
      100,
      EVERY & ~IN(3),
      REFUSED_DIGEST_FIELD,
      0,
      { 0 },
      0,
      0 },
    { "Upload-Complete: ?1\nUpload-Length: 100",
      99,
      EVERY & ~IN(3),
      REFUSED_LENGTHS_INCONSISTENT,
      0,
      { 0 },
      0,
      0 },
    { "Upload-Complete: ?1\nUpload-Length: 100",
      101,
      EVERY & ~IN(3),
      REFUSED_EXCESS,
      0,
      { 0 },
      0,
      0 },
    { "Upload-Complete: ?0\nUpload-Length: 100",
      101,
      EVERY & ~IN(3),
      REFUSED_EXCESS,
      0,
      { 0 },
      0,
      0 },
    { "Upload-Complete: ?0\nUpload-Length: 1001",
      0,
      EVERY & ~IN(3),
      REFUSED_TOO_LARGE,
      0,
      { 0 },
      0,
      0 },
    { "Upload-Complete: ?1", 1001, EVERY & ~IN(3), REFUSED_TOO_LARGE, 0, { 0 }, 0, 0 },
    { "Upload-Complete: ?0\nUpload-Length: 9",
      0,
      EVERY & ~IN(3),
      REFUSED_TOO_SMALL,
      0,
      { 0 },
      0,
      0 },
    { "Upload-Complete: ?1", 501, EVERY & ~IN(3), REFUSED_APPEND_TOO_LARGE, 0, { 0 }, 0, 0 },
    { "Upload-Complete: ?0", 4, EVERY & ~IN(3), REFUSED_APPEND_TOO_SMALL, 0, { 0 }, 0, 0 },
    { "Upload-Complete: ?1", 4, EVERY & ~IN(3), 0, true, { true, 4 }, 4, true },
};

static void check(const struct decision *decision, unsigned number)
{
    struct ietf_creation creation = { .body.room = 77 };
    struct framing framing = { .chunked = decision->body == CHUNKED,
                               .length = decision->body == CHUNKED ? 0 : decision->body };
    struct message_text text;

    message_text_fields(bytes_of_text(decision->fields), &text);
    int r = ietf_creation_parse(version(number), &text.message, &framing, &limits, &creation);
    if (r != decision->means)
        fail_msg("version %u, %d instead of %d: %s", number, r, decision->means, decision->fields);
    if (r != 0) {
        assert_true(creation.body.room == 77);
        return;
    }
    assert_int_equal(creation.body.completes, decision->completes);
    assert_int_equal(creation.length.known, decision->length.known);
    assert_true(creation.length.bytes == decision->length.bytes);
    assert_true(creation.body.room == decision->room);
    assert_int_equal(creation.announces, number != 0 && !decision->silent);
}

static void decides_by_the_headers_in_every_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(decisions); i++)
        for (unsigned number = 0; number <= 10; number++)
            if ((decisions[i].versions & IN(number)) != 0)
                check(&decisions[i], number);
}

static void reads_the_digests(void **state)
{
    struct ietf_creation creation;
    struct message_text text;

    (void)state;
    message_text_fields(bytes_of_text(CONTENT REPR "Want-Repr-Digest: sha-256=10\n"
                                                   "Upload-Complete: ?1"),
                        &text);
    assert_int_equal(ietf_creation_parse(version(8), &text.message,
                                         &(struct framing){ .length = 20 }, &limits, &creation),
                     0);
    assert_int_equal(creation.content.count, 1);
    assert_int_equal(creation.stated.algorithm, DIGEST_SHA256);
    assert_int_equal(creation.stated.bytes[0], 0x44);
    assert_true(creation.digest_wanted);

    message_text_fields(bytes_of_text("Repr-Digest: sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJi"
                                      "OHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:\n"
                                      "Upload-Complete: ?1"),
                        &text);
    assert_int_equal(ietf_creation_parse(version(8), &text.message,
                                         &(struct framing){ .length = 20 }, &limits, &creation),
                     0);
    assert_int_equal(creation.content.count, 0);
    assert_int_equal(creation.stated.algorithm, DIGEST_NONE);
    assert_false(creation.digest_wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_by_the_headers_in_every_version),
        cmocka_unit_test(reads_the_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
