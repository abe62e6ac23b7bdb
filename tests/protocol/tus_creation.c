#include "protocol/tus_creation.h"

#include <stdio.h>

#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VERSION      "Tus-Resumable: 1.0.0\n"
#define OCTETS       "Content-Type: application/offset+octet-stream\n"

static int parse(const char *fields, struct framing framing, uint64_t max_size,
                 struct tus_creation *ret_creation)
{
    struct message_text text;

    message_text_fields(bytes_of_text(fields), &text);
    return tus_creation_parse(&text.message, &framing, (struct tus_limits){ max_size },
                              ret_creation);
}

static void reads_the_examples_of_the_specification(void **state)
{
    struct tus_creation creation;

    (void)state;
    /* Creation */
    assert_int_equal(parse("Host: tus.example.org\nContent-Length: 0\nUpload-Length: 100\n" VERSION
                           "Upload-Metadata: filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,"
                           "is_confidential",
                           (struct framing){ 0 }, 0, &creation),
                     0);
    assert_true(creation.length.known);
    assert_int_equal(creation.length.bytes, 100);
    assert_true(bytes_equal_text(creation.metadata,
                                 "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,"
                                 "is_confidential"));
    assert_false(creation.appends);
    assert_int_equal(tus_body_end(&creation.body, 0), TUS_END_COMMIT);

    /* Creation With Upload */
    assert_int_equal(
        parse("Host: tus.example.org\nContent-Length: 5\nUpload-Length: 100\n" VERSION OCTETS,
              (struct framing){ .length = 5 }, 0, &creation),
        0);
    assert_true(creation.appends);
    assert_int_equal(creation.body.room, 100);
    assert_int_equal(creation.metadata.count, 0);
}

static void accepts(void **state)
{
    static const struct {
        const char *fields;
        struct framing framing;
        struct tus_length length;
        bool appends;
    } cases[] = {
        { VERSION "Upload-Length: 0", { 0 }, { true, 0 }, false },
        { VERSION "Upload-Length: 1000", { 0 }, { true, 1000 }, false },
        { VERSION "Upload-Defer-Length: 1", { 0 }, { 0 }, false },
        { VERSION "Upload-Defer-Length: 1\nUpload-Metadata:", { 0 }, { 0 }, false },
        { VERSION OCTETS "Upload-Length: 5", { 0 }, { true, 5 }, true },
        { VERSION OCTETS "Upload-Length: 5", { .length = 5 }, { true, 5 }, true },
        { VERSION OCTETS "Upload-Length: 5", { .chunked = true }, { true, 5 }, true },
        { VERSION OCTETS "Upload-Defer-Length: 1", { .length = 1000 }, { 0 }, true },
        /* a body of another type is ignored, however long it is */
        { VERSION "Upload-Length: 5", { .length = 6 }, { true, 5 }, false },
        { VERSION "Upload-Length: 5\nContent-Type: a/b", { .length = 6 }, { true, 5 }, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tus_creation creation;
        if (parse(cases[i].fields, cases[i].framing, 1000, &creation) != 0)
            fail_msg("refused: %s", cases[i].fields);
        assert_int_equal(creation.length.known, cases[i].length.known);
        assert_true(creation.length.bytes == cases[i].length.bytes);
        assert_int_equal(creation.appends, cases[i].appends);
        assert_int_equal(creation.metadata.count, 0);
    }
}

static void may_be_of_a_part_or_of_all_parts(void **state)
{
    struct tus_creation creation;

    (void)state;
    assert_int_equal(parse(VERSION OCTETS "Upload-Concat: partial\nUpload-Length: 5",
                           (struct framing){ .length = 5 }, 0, &creation),
                     0);
    assert_int_equal(creation.concat.kind, UPLOAD_CONCAT_PARTIAL);
    assert_int_equal(creation.length.bytes, 5);
    assert_true(creation.appends);

    assert_int_equal(parse(VERSION "Upload-Concat: partial\nUpload-Defer-Length: 1",
                           (struct framing){ 0 }, 0, &creation),
                     0);
    assert_false(creation.length.known);

    /* the lengths are those of the parts, the limit is theirs; a body of another type is ignored */
    assert_int_equal(parse(VERSION "Content-Type: a/b\nUpload-Concat: final;/files/a /files/b\n"
                                   "Upload-Metadata: filename YQ==\nUpload-Checksum: x",
                           (struct framing){ .length = 5 }, 1, &creation),
                     0);
    assert_int_equal(creation.concat.kind, UPLOAD_CONCAT_FINAL);
    assert_int_equal(creation.concat.url_count, 2);
    assert_false(creation.length.known);
    assert_false(creation.appends);
    assert_true(bytes_equal_text(creation.metadata, "filename YQ=="));
}

static void bounds_what_has_to_be_told_again(void **state)
{
    static char text[TUS_CREATION_TOLD_BYTES_MAX + 100] =
        VERSION "Upload-Metadata: a YQ==\nUpload-Concat: final;";
    const size_t before = strlen(text) - strlen("a YQ==") - strlen("final;");
    struct tus_creation creation;

    (void)state;
    memset(text + strlen(text), 'a', before + TUS_CREATION_TOLD_BYTES_MAX - strlen(text));
    assert_int_equal(parse(text, (struct framing){ 0 }, 0, &creation), 0);
    assert_int_equal(creation.metadata.count + creation.concat.words.count,
                     TUS_CREATION_TOLD_BYTES_MAX);
    text[strlen(text)] = 'a';
    assert_int_equal(parse(text, (struct framing){ 0 }, 0, &creation), REFUSED_HEADER_TOO_LARGE);
}

static void refuses_and_touches_nothing(void **state)
{
    static const struct {
        const char *fields;
        struct framing framing;
        int means;
    } cases[] = {
        { "", { 0 }, REFUSED_VERSION },
        { "Upload-Length: 100", { 0 }, REFUSED_VERSION },
        { "Tus-Resumable: 0.2.2\nUpload-Length: -1", { 0 }, REFUSED_VERSION },
        { VERSION, { 0 }, REFUSED_LENGTH_UNSTATED },
        { VERSION "Upload-Length: 5\nUpload-Defer-Length: 1", { 0 }, REFUSED_LENGTH_CONTRADICTS },
        { VERSION "Upload-Length: -5", { 0 }, REFUSED_LENGTH_SYNTAX },
        { VERSION "Upload-Length:", { 0 }, REFUSED_LENGTH_SYNTAX },
        { VERSION "Upload-Length: x\nUpload-Defer-Length: 1", { 0 }, REFUSED_LENGTH_SYNTAX },
        { VERSION "Upload-Defer-Length: 0", { 0 }, REFUSED_DEFER_SYNTAX },
        { VERSION "Upload-Length: 5\nUpload-Defer-Length: 2", { 0 }, REFUSED_DEFER_SYNTAX },
        { VERSION "Upload-Length: 5\nUpload-Length: 5", { 0 }, REFUSED_REPEATED_FIELD },
        { VERSION "Upload-Length: 5\nUpload-Metadata: a\nUpload-Metadata: b",
          { 0 },
          REFUSED_REPEATED_FIELD },
        { VERSION OCTETS OCTETS "Upload-Length: 5", { 0 }, REFUSED_REPEATED_FIELD },
        { VERSION "Upload-Length: 5\nUpload-Metadata: a !", { 0 }, REFUSED_METADATA_SYNTAX },
        { VERSION "Upload-Length: 5\nUpload-Metadata: a,a", { 0 }, REFUSED_METADATA_SYNTAX },
        { VERSION "Upload-Length: 5\nUpload-Metadata: digest AA==", { 0 }, REFUSED_DIGEST_SYNTAX },
        { VERSION "Upload-Length: 5\nRepr-Digest: sha-256=::", { 0 }, REFUSED_DIGEST_SYNTAX },
        { VERSION OCTETS "Upload-Length: 5\nUpload-Checksum: x", { 0 }, REFUSED_CHECKSUM_SYNTAX },
        { VERSION "Upload-Length: 1001", { 0 }, REFUSED_TOO_LARGE },
        { VERSION "Upload-Length: 1001\nUpload-Metadata: ,", { 0 }, REFUSED_METADATA_SYNTAX },
        { VERSION OCTETS "Upload-Length: 1001", { .length = 2000 }, REFUSED_TOO_LARGE },
        { VERSION OCTETS "Upload-Length: 5", { .length = 6 }, REFUSED_TOO_LONG },
        { VERSION OCTETS "Upload-Length: 0", { .length = 1 }, REFUSED_TOO_LONG },
        { VERSION OCTETS "Upload-Defer-Length: 1", { .length = 1001 }, REFUSED_TOO_LARGE },
        { VERSION "Upload-Concat: partial", { 0 }, REFUSED_LENGTH_UNSTATED },
        { VERSION "Upload-Concat: other\nUpload-Length: x", { 0 }, REFUSED_CONCAT_SYNTAX },
        { VERSION "Upload-Concat: final;\nUpload-Length: 5", { 0 }, REFUSED_CONCAT_SYNTAX },
        { VERSION "Upload-Concat: final;/files/a\nUpload-Length: 5", { 0 }, REFUSED_CONCAT_LENGTH },
        { VERSION "Upload-Concat: final;/files/a\nUpload-Length: x", { 0 }, REFUSED_CONCAT_LENGTH },
        { VERSION "Upload-Concat: final;/files/a\nUpload-Defer-Length: 1",
          { 0 },
          REFUSED_CONCAT_LENGTH },
        { VERSION OCTETS "Upload-Concat: final;/files/a", { 0 }, REFUSED_FINAL_UPLOAD },
        { VERSION OCTETS "Upload-Concat: final;/files/a\nUpload-Length: 5",
          { .length = 5 },
          REFUSED_FINAL_UPLOAD },
        { VERSION "Upload-Concat: final;/files/a\nUpload-Metadata: ,",
          { 0 },
          REFUSED_METADATA_SYNTAX },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tus_creation creation = { .length = { .bytes = 77 } };
        int r = parse(cases[i].fields, cases[i].framing, 1000, &creation);
        if (r != cases[i].means)
            fail_msg("%d instead of %d: %s", r, cases[i].means, cases[i].fields);
        assert_int_equal(creation.length.bytes, 77);
    }
}

/* What is not stored is not verified. */
static void has_a_checksum_where_it_has_a_body(void **state)
{
    struct tus_creation creation;
    const struct framing framing = { .length = 3 };

    (void)state;
    assert_int_equal(parse(VERSION OCTETS "Upload-Length: 5\nUpload-Checksum: crc32 NSRBwg==",
                           framing, 0, &creation),
                     0);
    assert_int_equal(tus_checksum_algorithm(&creation.checksum), DIGEST_CRC32);
    assert_int_equal(parse(VERSION "Upload-Length: 5\nUpload-Checksum: x", framing, 0, &creation),
                     0);
    assert_false(tus_checksum_expected(&creation.checksum));
}

static void takes_a_body_like_an_append(void **state)
{
    struct tus_creation creation;
    struct bytes piece = bytes_of_text("hello");

    (void)state;
    assert_int_equal(
        parse(VERSION OCTETS "Upload-Length: 5", (struct framing){ .chunked = true }, 0, &creation),
        0);
    assert_int_equal(tus_body_take(&creation.body, &piece), 0);
    assert_int_equal(tus_body_end(&creation.body, 5), TUS_END_FINISH);
    assert_int_equal(tus_body_take(&creation.body, &piece), REFUSED_TOO_LONG);
    assert_int_equal(piece.count, 0);

    assert_int_equal(parse(VERSION "Upload-Length: 0", (struct framing){ 0 }, 0, &creation), 0);
    assert_int_equal(tus_body_end(&creation.body, 0), TUS_END_FINISH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_examples_of_the_specification),
        cmocka_unit_test(accepts),
        cmocka_unit_test(may_be_of_a_part_or_of_all_parts),
        cmocka_unit_test(bounds_what_has_to_be_told_again),
        cmocka_unit_test(refuses_and_touches_nothing),
        cmocka_unit_test(has_a_checksum_where_it_has_a_body),
        cmocka_unit_test(takes_a_body_like_an_append),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
