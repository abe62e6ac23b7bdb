#include "protocol/tus_append.h"

#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VERSION      "Tus-Resumable: 1.0.0\n"
#define OCTETS       "Content-Type: application/offset+octet-stream\n"

static int parse(const char *fields, struct tus_append *ret_append)
{
    struct message_text text;
    struct framing framing = { .length = 30 };

    message_text_fields(bytes_of_text(fields), &text);
    return tus_append_parse(&text.message, &framing, ret_append);
}

static void reads_the_example_of_the_specification(void **state)
{
    struct tus_append append;
    struct tus_upload upload = { .offset = 70, .length = { true, 100 } };
    struct tus_body body;

    (void)state;
    assert_int_equal(parse("Host: tus.example.org\n" OCTETS
                           "Content-Length: 30\nUpload-Offset: 70\n" VERSION,
                           &append),
                     0);
    assert_true(append.offset == 70);
    assert_false(append.length.known);
    assert_int_equal(tus_append_check_early(&append, &upload), 0);
    assert_int_equal(tus_append_check(&append, &upload, (struct tus_limits){ 0 }, &body), 0);
    assert_true(body.room == 30);
    assert_int_equal(tus_body_end(&body, 100), TUS_END_FINISH);
}

/* In the order of the checks: what is wrong later in it does not matter. */
static void refuses_headers_and_touches_nothing(void **state)
{
    static const struct {
        const char *fields;
        int means;
    } cases[] = {
        { "", REFUSED_VERSION },
        { "Tus-Resumable: 2.0.0\nContent-Type: text/plain\nUpload-Offset: x", REFUSED_VERSION },
        { OCTETS "Upload-Offset: 0", REFUSED_VERSION },
        { VERSION, REFUSED_MEDIA_TYPE },
        { VERSION "Upload-Offset: 0", REFUSED_MEDIA_TYPE },
        { VERSION "Content-Type: text/plain\nUpload-Offset: x", REFUSED_MEDIA_TYPE },
        { VERSION "Content-Type:\nUpload-Offset: 0", REFUSED_MEDIA_TYPE },
        { VERSION "Content-Type: application/octet-stream\nUpload-Offset: 0", REFUSED_MEDIA_TYPE },
        { VERSION OCTETS OCTETS "Upload-Offset: 0", REFUSED_REPEATED_FIELD },
        { VERSION OCTETS, REFUSED_OFFSET_SYNTAX },
        { VERSION OCTETS "Upload-Offset:", REFUSED_OFFSET_SYNTAX },
        { VERSION OCTETS "Upload-Offset: -1", REFUSED_OFFSET_SYNTAX },
        { VERSION OCTETS "Upload-Offset: 9223372036854775808", REFUSED_OFFSET_SYNTAX },
        { VERSION OCTETS "Upload-Offset: 0\nUpload-Offset: 0", REFUSED_REPEATED_FIELD },
        { VERSION OCTETS "Upload-Offset: 0\nUpload-Length: x", REFUSED_LENGTH_SYNTAX },
        { VERSION OCTETS "Upload-Offset: 0\nUpload-Length: 1\nUpload-Length: 1",
          REFUSED_REPEATED_FIELD },
        { VERSION OCTETS "Upload-Offset: 0\nUpload-Length: x\nUpload-Checksum: x",
          REFUSED_LENGTH_SYNTAX },
        { VERSION OCTETS "Upload-Offset: 0\nUpload-Checksum: x", REFUSED_CHECKSUM_SYNTAX },
        { VERSION OCTETS "Upload-Offset: 0\nUpload-Checksum: x AA==", REFUSED_CHECKSUM_ALGORITHM },
        { VERSION OCTETS "Upload-Offset: 0\nTrailer: Upload-Checksum", REFUSED_CHECKSUM_MISSING },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tus_append append = { .offset = 77 };
        int r = parse(cases[i].fields, &append);
        if (r != cases[i].means)
            fail_msg("%d instead of %d: %s", r, cases[i].means, cases[i].fields);
        assert_true(append.offset == 77);
    }
}

static void tolerates_parameters_of_the_media_type(void **state)
{
    struct tus_append append;

    (void)state;
    assert_int_equal(parse(VERSION "Content-Type: Application/Offset+Octet-Stream; charset=utf-8\n"
                                   "Upload-Offset: 9223372036854775807\nUpload-Length: 5",
                           &append),
                     0);
    assert_true(append.offset == INT64_MAX);
    assert_true(append.length.known);
    assert_true(append.length.bytes == 5);
    assert_true(append.framing.length == 30);
}

/* max_size is 1000 in all of them */
static const struct decision {
    const char *name;
    struct tus_append append;
    struct tus_upload upload;
    int early, means;
    uint64_t room;
} decisions[] = {
    { .name = "the whole upload at once",
      .append = { .framing = { .length = 100 } },
      .upload = { .length = { true, 100 } },
      .room = 100 },
    { .name = "nothing, at the right offset",
      .append = { .offset = 70 },
      .upload = { .offset = 70, .length = { true, 100 } },
      .room = 30 },
    { .name = "chunked",
      .append = { .offset = 70, .framing = { .chunked = true } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .room = 30 },
    { .name = "below the offset",
      .append = { .offset = 69 },
      .upload = { .offset = 70, .length = { true, 100 } },
      .early = REFUSED_OFFSET_MISMATCH,
      .means = REFUSED_OFFSET_MISMATCH },
    { .name = "above the offset: an older request may still get there",
      .append = { .offset = 71 },
      .upload = { .offset = 70, .length = { true, 100 } },
      .means = REFUSED_OFFSET_MISMATCH },
    { .name = "above the length: nobody can get there",
      .append = { .offset = 101 },
      .upload = { .offset = 70, .length = { true, 100 } },
      .early = REFUSED_OFFSET_MISMATCH,
      .means = REFUSED_OFFSET_MISMATCH },
    { .name = "one byte too many",
      .append = { .offset = 70, .framing = { .length = 31 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .means = REFUSED_TOO_LONG },
    { .name = "the longest body there can be",
      .append = { .offset = INT64_MAX, .framing = { .length = INT64_MAX } },
      .upload = { .offset = INT64_MAX, .length = { true, INT64_MAX } },
      .means = REFUSED_TOO_LONG },
    { .name = "nothing, to a complete one",
      .append = { .offset = 100 },
      .upload = { .offset = 100, .length = { true, 100 }, .complete = true } },
    { .name = "bytes, to a complete one",
      .append = { .offset = 100, .framing = { .length = 1 } },
      .upload = { .offset = 100, .length = { true, 100 }, .complete = true },
      .means = REFUSED_TOO_LONG },
    { .name = "a deferred length is stated",
      .append = { .offset = 70, .length = { true, 100 }, .framing = { .length = 30 } },
      .upload = { .offset = 70 },
      .room = 30 },
    { .name = "a deferred length is where the upload ends",
      .append = { .offset = 70, .length = { true, 70 } },
      .upload = { .offset = 70 } },
    { .name = "a deferred length is still not stated",
      .append = { .offset = 70, .framing = { .length = 930 } },
      .upload = { .offset = 70 },
      .room = 930 },
    { .name = "a deferred length, and more than the server takes",
      .append = { .offset = 70, .framing = { .length = 931 } },
      .upload = { .offset = 70 },
      .means = REFUSED_TOO_LARGE },
    { .name = "a stated length that the server does not take",
      .append = { .offset = 70, .length = { true, 1001 } },
      .upload = { .offset = 70 },
      .means = REFUSED_TOO_LARGE },
    { .name = "a stated length below the offset",
      .append = { .offset = 70, .length = { true, 69 } },
      .upload = { .offset = 70 },
      .means = REFUSED_TOO_SHORT },
    { .name = "a stated length below what the body brings",
      .append = { .offset = 70, .length = { true, 99 }, .framing = { .length = 30 } },
      .upload = { .offset = 70 },
      .means = REFUSED_TOO_LONG },
    { .name = "the same length again",
      .append = { .offset = 70, .length = { true, 100 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .room = 30 },
    { .name = "the same length again, above a limit that has been lowered",
      .append = { .offset = 70, .length = { true, 5000 }, .framing = { .length = 4930 } },
      .upload = { .offset = 70, .length = { true, 5000 } },
      .room = 4930 },
    { .name = "another length",
      .append = { .offset = 70, .length = { true, 101 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .means = REFUSED_LENGTH_MISMATCH },
    { .name = "another length, at another offset",
      .append = { .offset = 60, .length = { true, 101 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .early = REFUSED_OFFSET_MISMATCH,
      .means = REFUSED_OFFSET_MISMATCH },
    { .name = "a final upload, at any offset",
      .append = { .offset = 60 },
      .upload = { .offset = 70, .length = { true, 70 }, .complete = true, .final = true },
      .early = REFUSED_FINAL_UPLOAD,
      .means = REFUSED_FINAL_UPLOAD },
    { .name = "a final upload that came to nothing",
      .append = { .offset = 60 },
      .upload = { .final = true, .invalidated = true },
      .early = REFUSED_FINAL_UPLOAD,
      .means = REFUSED_FINAL_UPLOAD },
    { .name = "a damaged upload",
      .append = { .offset = 60 },
      .upload = { .offset = 70, .damaged = true },
      .early = REFUSED_DAMAGED,
      .means = REFUSED_DAMAGED },
    { .name = "an invalidated upload",
      .append = { .offset = 60 },
      .upload = { .offset = 70, .invalidated = true },
      .early = REFUSED_INVALIDATED,
      .means = REFUSED_INVALIDATED },
};

static void decides_by_the_state_of_the_upload(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(decisions); i++) {
        const struct decision *decision = &decisions[i];
        struct tus_body body = { .room = 77 };

        int early = tus_append_check_early(&decision->append, &decision->upload);
        int r = tus_append_check(&decision->append, &decision->upload, (struct tus_limits){ 1000 },
                                 &body);
        if (early != decision->early || r != decision->means)
            fail_msg("%s: %d, then %d", decision->name, early, r);
        if (body.room != (r == 0 ? decision->room : 77))
            fail_msg("%s: room for %ju", decision->name, (uintmax_t)body.room);
    }
}

static void tells_why_nobody_can_go_on(void **state)
{
    const struct tus_upload none = { 0 }, invalidated = { .invalidated = true },
                            damaged = { .final = true, .damaged = true },
                            partless = { .final = true, .invalidated = true };

    (void)state;
    assert_int_equal(tus_upload_check(&none), 0);
    assert_int_equal(tus_upload_check(&invalidated), REFUSED_INVALIDATED);
    assert_int_equal(tus_upload_check(&damaged), REFUSED_DAMAGED);
    assert_int_equal(tus_upload_check(&partless), REFUSED_PART_LOST);
}

static void completes_once(void **state)
{
    struct tus_append append = { .offset = 100 };
    struct tus_upload upload = { .offset = 100, .length = { true, 100 } };
    struct tus_body body;

    (void)state;
    assert_int_equal(tus_append_check(&append, &upload, (struct tus_limits){ 0 }, &body), 0);
    assert_int_equal(tus_body_end(&body, 100), TUS_END_FINISH);
    upload.complete = true;
    assert_int_equal(tus_append_check(&append, &upload, (struct tus_limits){ 0 }, &body), 0);
    assert_int_equal(tus_body_end(&body, 100), TUS_END_NOTHING);

    /* a deferred length that arrives with an empty body */
    append.length = (struct tus_length){ true, 100 };
    upload = (struct tus_upload){ .offset = 100 };
    assert_int_equal(tus_append_check(&append, &upload, (struct tus_limits){ 0 }, &body), 0);
    assert_int_equal(tus_body_end(&body, 100), TUS_END_FINISH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_example_of_the_specification),
        cmocka_unit_test(refuses_headers_and_touches_nothing),
        cmocka_unit_test(tolerates_parameters_of_the_media_type),
        cmocka_unit_test(decides_by_the_state_of_the_upload),
        cmocka_unit_test(tells_why_nobody_can_go_on),
        cmocka_unit_test(completes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
