#include "protocol/tus_checksum.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SHA1         "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="
#define OTHER_SHA1   "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk="
#define CRC32        "crc32 DUoRhQ=="
#define HEADER       "Upload-Checksum: " SHA1 "\n"
#define ANNOUNCED    "Trailer: Upload-Checksum\n"

static int parse(const char *fields, bool chunked, struct tus_checksum *ret_checksum)
{
    struct message_text text;
    struct framing framing = { .chunked = chunked, .length = chunked ? 0 : 11 };

    message_text_fields(bytes_of_text(fields), &text);
    return tus_checksum_parse(&text.message, &framing, ret_checksum);
}

static int complete(struct tus_checksum *checksum, const char *trailer)
{
    struct bytes value = bytes_of_text(trailer == NULL ? "" : trailer);
    return tus_checksum_complete(checksum, trailer == NULL ? NULL : &value);
}

static void reads_the_example_of_the_specification(void **state)
{
    static const uint8_t hello_world[] = { 0x2a, 0xae, 0x6c, 0x35, 0xc9, 0x4f, 0xcf,
                                           0xb4, 0x15, 0xdb, 0xe9, 0x5f, 0x40, 0x8b,
                                           0x9c, 0xe9, 0x1e, 0xe8, 0x46, 0xed };
    struct tus_checksum checksum;

    (void)state;
    assert_int_equal(parse("Content-Length: 11\nUpload-Offset: 0\n" HEADER, false, &checksum), 0);
    assert_true(tus_checksum_expected(&checksum));
    assert_false(checksum.announced);
    assert_int_equal(checksum.count, 1);
    assert_int_equal(tus_checksum_algorithm(&checksum), DIGEST_SHA1);
    struct bytes value = digest_value_bytes(&checksum.values[0]);
    assert_true(bytes_equal(value, bytes_of(hello_world, sizeof(hello_world))));
    assert_int_equal(tus_checksum_complete(&checksum, NULL), 0);
    assert_int_equal(checksum.count, 1);
}

static void expects_nothing_where_nothing_is_said(void **state)
{
    static const char *const cases[] = {
        "",
        "Upload-Offset: 0",
        "Trailer:",
        "Trailer: Expires, X-Upload-Checksum, Upload",
    };
    struct tus_checksum checksum;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(parse(cases[i], true, &checksum), 0);
        assert_false(tus_checksum_expected(&checksum));
        assert_int_equal(tus_checksum_algorithm(&checksum), DIGEST_NONE);
    }
}

static void knows_every_algorithm_that_it_announces(void **state)
{
    /* of the eleven bytes "hello world" */
    static const char *const cases[DIGEST_ALGORITHM_COUNT] = {
        [DIGEST_SHA1] = SHA1,
        [DIGEST_SHA256] = "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        [DIGEST_SHA512] =
            "sha512 MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2D"
            "DoH2Bdz33FVC6TrpzXbw==",
        [DIGEST_MD5] = "md5 XrY7u+Ae7tCTyyK7j1rNww==",
        [DIGEST_CRC32] = CRC32,
        [DIGEST_BLAKE2B] =
            "blake2b Ahzth5kpbOylV4MquUGlC0oR+DR4zxQfUfkz9lOrn7zAWgN83b7QbjCb8zSULE5"
            "YzfGkbiN5EczX/Pl4fLx/0A==",
    };
    struct bytes rest = bytes_of_text(TUS_CHECKSUM_ALGORITHMS);
    struct tus_checksum checksum;
    enum digest_algorithm algorithm = DIGEST_NONE;
    int announced = 0;

    (void)state;
    for (; rest.count > 0; announced++) {
        assert_true(digest_algorithm_parse(message_text_cut(&rest, ','), &algorithm));
        checksum = (struct tus_checksum){ .announced = true };
        assert_int_equal(complete(&checksum, cases[algorithm]), 0);
        assert_int_equal(checksum.values[0].algorithm, algorithm);
    }
    assert_int_equal(announced, DIGEST_ALGORITHM_COUNT - 1);
}

static void refuses_in_the_header_and_in_the_trailer_alike(void **state)
{
    static const struct {
        const char *value;
        int means;
    } cases[] = {
        { "", REFUSED_CHECKSUM_SYNTAX },
        { "sha1", REFUSED_CHECKSUM_SYNTAX },
        { "Kq5sNclPz7QV2+lfQIuc6R7oRu0=", REFUSED_CHECKSUM_SYNTAX },
        { "sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=", REFUSED_CHECKSUM_SYNTAX },
        { "sha1\tKq5sNclPz7QV2+lfQIuc6R7oRu0=", REFUSED_CHECKSUM_SYNTAX },
        { "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0", REFUSED_CHECKSUM_SYNTAX },
        { "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu1=", REFUSED_CHECKSUM_SYNTAX },
        { "sha1 Kq5sNclPz7QV2-lfQIuc6R7oRu0=", REFUSED_CHECKSUM_SYNTAX },
        { "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0==", REFUSED_CHECKSUM_SYNTAX },
        { "sha1 Kq5sNclPz7QV2+lf QIuc6R7oRu0=", REFUSED_CHECKSUM_SYNTAX },
        { "sha1 Kq5sNclPz7QV2+lfQIuc6R7o", REFUSED_CHECKSUM_SYNTAX },
        { "sha1 DUoRhQ==", REFUSED_CHECKSUM_SYNTAX },
        { "sha1 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed", REFUSED_CHECKSUM_SYNTAX },
        { "crc32 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", REFUSED_CHECKSUM_SYNTAX },
        { "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", REFUSED_CHECKSUM_SYNTAX },
        { SHA1 ", " CRC32, REFUSED_CHECKSUM_SYNTAX },
        { SHA1 ";q=1", REFUSED_CHECKSUM_SYNTAX },
        /* 66 bytes: more than any digest has */
        { "sha512 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          "AAAA",
          REFUSED_CHECKSUM_SYNTAX },
        { "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", REFUSED_CHECKSUM_ALGORITHM },
        { "sha-1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", REFUSED_CHECKSUM_ALGORITHM },
        { "sha3 DUoRhQ==", REFUSED_CHECKSUM_ALGORITHM },
        { "none ", REFUSED_CHECKSUM_ALGORITHM },
        { "none DUoRhQ==", REFUSED_CHECKSUM_ALGORITHM },
        { ", Kq5sNclPz7QV2+lfQIuc6R7oRu0=", REFUSED_CHECKSUM_ALGORITHM },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct field field = { bytes_of_text("Upload-Checksum"),
                                     bytes_of_text(cases[i].value) };
        const struct message message = { .fields = &field, .field_count = 1 };
        const struct framing framing = { .length = 11 };
        struct tus_checksum checksum = { .announced = true, .count = 77 };

        if (tus_checksum_parse(&message, &framing, &checksum) != cases[i].means)
            fail_msg("in the header: %s", cases[i].value);
        assert_int_equal(checksum.count, 77);

        checksum.count = 0;
        if (complete(&checksum, cases[i].value) != cases[i].means)
            fail_msg("in the trailer: %s", cases[i].value);
        assert_int_equal(checksum.count, 0);
    }
}

static void takes_one_in_the_header(void **state)
{
    struct tus_checksum checksum;

    (void)state;
    assert_int_equal(parse(HEADER HEADER, false, &checksum), REFUSED_REPEATED_FIELD);
    assert_int_equal(parse(HEADER "upload-checksum: " CRC32, false, &checksum),
                     REFUSED_REPEATED_FIELD);
}

static void finds_the_announcement_in_any_list(void **state)
{
    static const char *const cases[] = {
        "Trailer: Upload-Checksum",
        "trailer: upload-checksum",
        "Trailer: UPLOAD-CHECKSUM",
        "Trailer: Expires, Upload-Checksum",
        "Trailer: Upload-Checksum,Expires",
        "Trailer: , \t Upload-Checksum\t ,,",
        "Trailer: Expires\nTrailer: Upload-Checksum\nTrailer: X",
        "Trailer: Upload-Checksum, Upload-Checksum",
    };
    struct tus_checksum checksum;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (parse(cases[i], true, &checksum) != 0 || !checksum.announced)
            fail_msg("not found: %s", cases[i]);
        assert_int_equal(checksum.count, 0);
        assert_true(tus_checksum_expected(&checksum));
        assert_int_equal(tus_checksum_algorithm(&checksum), DIGEST_NONE);

        assert_int_equal(complete(&checksum, SHA1), 0);
        assert_int_equal(checksum.count, 1);
        assert_int_equal(checksum.values[0].algorithm, DIGEST_SHA1);
    }
}

static void refuses_an_announced_trailer_that_does_not_come(void **state)
{
    struct tus_checksum checksum = { .count = 77 };

    (void)state;
    /* without chunks there is no place for it */
    assert_int_equal(parse(ANNOUNCED, false, &checksum), REFUSED_CHECKSUM_MISSING);
    assert_int_equal(parse(ANNOUNCED HEADER, false, &checksum), REFUSED_CHECKSUM_MISSING);
    assert_int_equal(checksum.count, 77);

    assert_int_equal(parse(ANNOUNCED, true, &checksum), 0);
    assert_int_equal(complete(&checksum, NULL), REFUSED_CHECKSUM_MISSING);
    assert_int_equal(parse(ANNOUNCED HEADER, true, &checksum), 0);
    assert_int_equal(complete(&checksum, NULL), REFUSED_CHECKSUM_MISSING);
}

static void does_not_look_at_a_trailer_that_was_not_announced(void **state)
{
    struct tus_checksum checksum;

    (void)state;
    assert_int_equal(parse(HEADER, true, &checksum), 0);
    assert_int_equal(complete(&checksum, OTHER_SHA1), 0);
    assert_int_equal(complete(&checksum, "nonsense"), 0);
    assert_int_equal(checksum.count, 1);
    assert_int_equal(parse("", true, &checksum), 0);
    assert_int_equal(complete(&checksum, SHA1), 0);
    assert_int_equal(checksum.count, 0);
}

static void has_both_hold_when_both_are_there(void **state)
{
    static const struct {
        const char *trailer;
        int means;
        size_t count;
    } cases[] = {
        { SHA1, 0, 1 },
        { CRC32, 0, 2 },
        { OTHER_SHA1, REFUSED_CHECKSUM_SYNTAX, 1 },
        { "sha3 DUoRhQ==", REFUSED_CHECKSUM_ALGORITHM, 1 },
        { "sha1", REFUSED_CHECKSUM_SYNTAX, 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tus_checksum checksum;

        assert_int_equal(parse(ANNOUNCED HEADER, true, &checksum), 0);
        assert_int_equal(tus_checksum_algorithm(&checksum), DIGEST_SHA1);
        assert_int_equal(complete(&checksum, cases[i].trailer), cases[i].means);
        assert_int_equal(checksum.count, cases[i].count);
        assert_int_equal(checksum.values[0].algorithm, DIGEST_SHA1);
        if (checksum.count == 2)
            assert_int_equal(checksum.values[1].algorithm, DIGEST_CRC32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_example_of_the_specification),
        cmocka_unit_test(expects_nothing_where_nothing_is_said),
        cmocka_unit_test(knows_every_algorithm_that_it_announces),
        cmocka_unit_test(refuses_in_the_header_and_in_the_trailer_alike),
        cmocka_unit_test(takes_one_in_the_header),
        cmocka_unit_test(finds_the_announcement_in_any_list),
        cmocka_unit_test(refuses_an_announced_trailer_that_does_not_come),
        cmocka_unit_test(does_not_look_at_a_trailer_that_was_not_announced),
        cmocka_unit_test(has_both_hold_when_both_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
