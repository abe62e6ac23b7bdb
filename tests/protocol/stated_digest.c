#include "protocol/stated_digest.h"

#include <stdio.h>

#include "base/refusal.h"
#include "protocol/base64.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* of no bytes at all */
#define SHA256_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256_64  "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define BLAKE2B_HEX                                                    \
    "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419" \
    "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce"

/* text: as it stands in the metadata, decoded; NULL: there is none. */
static int parse(const char *text, const char *fields, struct digest_value *ret_stated)
{
    struct message_text message;
    char metadata[1024] = "";

    message_text_fields(bytes_of_text(fields), &message);
    if (text != NULL) {
        char base64[512] = "";
        base64_encode(bytes_of_text(text), base64);
        (void)snprintf(metadata, sizeof(metadata), "filename Zm9v,digest %s,last", base64);
    }
    return stated_digest_parse(&message.message, bytes_of_text(metadata), ret_stated);
}

static void reads_what_is_stated(void **state)
{
    static const struct {
        const char *text, *fields;
        enum digest_algorithm algorithm;
        uint8_t first;
    } cases[] = {
        { NULL, "", DIGEST_NONE, 0 },
        { "sha256:" SHA256_HEX, "", DIGEST_SHA256, 0xe3 },
        { "blake2b:" BLAKE2B_HEX, "", DIGEST_BLAKE2B, 0x78 },
        { "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "",
          DIGEST_SHA256, 0xe3 },
        { NULL, "Repr-Digest: sha-256=:" SHA256_64 ":", DIGEST_SHA256, 0xe3 },
        { NULL, "repr-digest: sha-512=:AAAA:,\tsha-256=:" SHA256_64 ":;a=1 , md5=:AA==:",
          DIGEST_SHA256, 0xe3 },
        { NULL, "Repr-Digest: md5=:AA==:\nRepr-Digest: sha-256=:" SHA256_64 ":", DIGEST_SHA256,
          0xe3 },
        /* 2: "A recipient MAY ignore any or all of the [...] digests" */
        { NULL, "Repr-Digest: sha-512=:AAAA:, sha256=:AAAA:, sha-2567=:AA==:, a", DIGEST_NONE, 0 },
        { NULL, "Repr-Digest: a=\"b, sha-256=:" SHA256_64 ":, c\"", DIGEST_NONE, 0 },
        /* RFC 9651, 3.2: "instances of earlier keys are ignored" */
        { NULL, "Repr-Digest: sha-256=:AAAA:, sha-256=:" SHA256_64 ":", DIGEST_SHA256, 0xe3 },
        { NULL, "Repr-Digest:", DIGEST_NONE, 0 },
        /* of the content, not of the upload */
        { NULL, "Content-Digest: sha-256=:" SHA256_64 ":", DIGEST_NONE, 0 },
        /* the same twice */
        { "sha256:" SHA256_HEX, "Repr-Digest: sha-256=:" SHA256_64 ":", DIGEST_SHA256, 0xe3 },
        { "blake2b:" BLAKE2B_HEX, "Repr-Digest: sha-512=:AAAA:", DIGEST_BLAKE2B, 0x78 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct digest_value stated = { .algorithm = DIGEST_MD5, .bytes = { 7 } };

        if (parse(cases[i].text, cases[i].fields, &stated) != 0)
            fail_msg("refused: %zu", i);
        assert_int_equal(stated.algorithm, cases[i].algorithm);
        assert_int_equal(stated.bytes[0], cases[i].first);
    }
}

static void says_the_same_in_either_place(void **state)
{
    struct digest_value one, other;

    (void)state;
    assert_int_equal(parse("sha256:" SHA256_HEX, "", &one), 0);
    assert_int_equal(parse(NULL, "Repr-Digest: sha-256=:" SHA256_64 ":", &other), 0);
    assert_true(digest_value_equal(&one, &other));
}

static void refuses_what_cannot_be_read(void **state)
{
    static const struct {
        const char *text, *fields;
    } cases[] = {
        { "", "" },
        { "sha256", "" },
        { "sha256:", "" },
        { SHA256_HEX, "" },
        { ":" SHA256_HEX, "" },
        { "sha256:" SHA256_HEX " ", "" },
        { " sha256:" SHA256_HEX, "" },
        { "sha256:" SHA256_HEX "00", "" },
        { "sha256:" SHA256_64, "" },
        { "sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "" },
        { "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85", "" },
        { "SHA256:" SHA256_HEX, "" },
        { "sha-256:" SHA256_HEX, "" },
        { "none:", "" },
        { "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "" },
        { "md5:d41d8cd98f00b204e9800998ecf8427e", "" },
        { "crc32:00000000", "" },
        { "blake2b:" SHA256_HEX, "" },
        { "sha256:" BLAKE2B_HEX, "" },
        { "blake2b:" BLAKE2B_HEX "00", "" },
        { NULL, "Repr-Digest: sha-256=" SHA256_64 },
        { NULL, "Repr-Digest: sha-256=:" SHA256_64 },
        { NULL, "Repr-Digest: sha-256=::" },
        { NULL, "Repr-Digest: sha-256=:" },
        { NULL, "Repr-Digest: sha-256=" },
        { NULL, "Repr-Digest: sha-256=:AAAA:" },
        { NULL, "Repr-Digest: sha-256=:" SHA256_64 ":x" },
        { NULL, "Repr-Digest: sha-256=: " SHA256_64 ":" },
        { NULL, "Repr-Digest: sha-256=?1" },
        { NULL, "Repr-Digest: sha-256=:" SHA256_64 ":, SHA-512=:AAAA:" },
        { NULL, "Repr-Digest: sha-256=:" SHA256_64 ":," },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct digest_value stated = { .algorithm = DIGEST_MD5 };

        if (parse(cases[i].text, cases[i].fields, &stated) != REFUSED_DIGEST_SYNTAX)
            fail_msg("accepted: %s %s", cases[i].text, cases[i].fields);
        assert_int_equal(stated.algorithm, DIGEST_MD5);
    }
}

/* One digest is kept while the bytes come. */
static void refuses_two_that_differ(void **state)
{
    static const char other[] =
        "Repr-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    struct digest_value stated = { .algorithm = DIGEST_MD5 };

    (void)state;
    assert_int_equal(parse(NULL, other, &stated), 0);
    stated.algorithm = DIGEST_MD5;
    assert_int_equal(parse("sha256:" SHA256_HEX, other, &stated), REFUSED_DIGEST_SYNTAX);
    assert_int_equal(parse("blake2b:" BLAKE2B_HEX, other, &stated), REFUSED_DIGEST_SYNTAX);
    assert_int_equal(stated.algorithm, DIGEST_MD5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_stated),
        cmocka_unit_test(says_the_same_in_either_place),
        cmocka_unit_test(refuses_what_cannot_be_read),
        cmocka_unit_test(refuses_two_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
