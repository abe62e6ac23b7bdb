#include "protocol/ietf_append.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/ietf_text.h"

#define TYPE  "Content-Type: application/partial-upload\n"
#define MORE  "Upload-Complete: ?0\nUpload-Incomplete: ?1\n"
#define WHOLE "Upload-Complete: ?1\nUpload-Incomplete: ?0\n"

static int parse(unsigned number, const char *fields, struct ietf_append *ret_append)
{
    struct message_text text;
    struct framing framing = { .length = 30 };

    message_text_fields(bytes_of_text(fields), &text);
    return ietf_append_parse(version(number), &text.message, &framing, ret_append);
}

/* In the order of the checks: what is wrong later in it does not matter. */
static void reads_headers_as_each_version_has_them(void **state)
{
    static const struct {
        const char *fields;
        unsigned versions;
        int means;
        bool completes;
    } cases[] = {
        { TYPE WHOLE "Upload-Offset: 70", EVERY, 0, true },
        { TYPE MORE "Upload-Offset: 70", EVERY, 0, false },
        { WHOLE "Upload-Offset: 70", FROM_TO(3, 5), 0, true },
        { MORE "Content-Type: video/mp4\nUpload-Offset: 70", FROM_TO(3, 5), 0, false },
        { TYPE "Upload-Offset: 70", SIX_AND_BEFORE, 0, true },
        { "content-type: Application/Partial-Upload;a=b\n" MORE "Upload-Offset: 70;a=b", EVERY, 0,
          false },

        { "", EVERY & ~FROM_TO(3, 5), REFUSED_PARTIAL_MEDIA_TYPE, 0 },
        { WHOLE "Upload-Offset: 70", EVERY & ~FROM_TO(3, 5), REFUSED_PARTIAL_MEDIA_TYPE, 0 },
        { "Content-Type: application/octet-stream\n" WHOLE, EVERY & ~FROM_TO(3, 5),
          REFUSED_PARTIAL_MEDIA_TYPE, 0 },
        { TYPE TYPE WHOLE "Upload-Offset: 70", EVERY & ~FROM_TO(3, 5), REFUSED_PARTIAL_MEDIA_TYPE,
          0 },
        { TYPE "Upload-Offset: 70", SEVEN_AND_ON, REFUSED_COMPLETENESS, 0 },
        { TYPE "Upload-Complete: 1\nUpload-Offset: 70", SEVEN_AND_ON, REFUSED_COMPLETENESS, 0 },
        { TYPE WHOLE, EVERY, REFUSED_OFFSET_UNSTATED, 0 },
        { TYPE WHOLE "Upload-Offset: -1", EVERY, REFUSED_OFFSET_UNSTATED, 0 },
        { TYPE WHOLE "Upload-Offset: 70\nUpload-Offset: 70", EVERY, REFUSED_OFFSET_UNSTATED, 0 },
        { TYPE WHOLE "Upload-Offset: 70\nContent-Digest: sha-256=x", EVERY, REFUSED_DIGEST_FIELD,
          0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (unsigned number = 0; number <= 10; number++) {
            struct ietf_append append = { .offset = 77 };

            if ((cases[i].versions & IN(number)) == 0)
                continue;
            int r = parse(number, cases[i].fields, &append);
            if (r != cases[i].means)
                fail_msg("version %u, %d instead of %d: %s", number, r, cases[i].means,
                         cases[i].fields);
            assert_true(append.offset == (r == 0 ? 70 : 77));
            assert_true(r != 0 || append.completes == cases[i].completes);
        }
    }
}

static const struct ietf_limits limits = { .max_size = 1000,
                                           .max_append_size = 500,
                                           .min_append_size = 5 };

static const struct decision {
    const char *name;
    struct ietf_append append;
    struct ietf_upload upload;
    unsigned versions; /* 0: EVERY */
    int early, means;
    struct ietf_length length;
    uint64_t room;
} decisions[] = {
    { .name = "the whole upload at once",
      .append = { .completes = true, .framing = { .length = 100 } },
      .upload = { .length = { true, 100 } },
      .length = { true, 100 },
      .room = 100 },
    { .name = "the last part tells the length",
      .append = { .offset = 70, .completes = true, .framing = { .length = 30 } },
      .upload = { .offset = 70 },
      .length = { true, 100 },
      .room = 30 },
    { .name = "a part of an unknown length",
      .append = { .offset = 70, .framing = { .length = 30 } },
      .upload = { .offset = 70 },
      .room = 500 },
    { .name = "a part that states the length",
      .append = { .offset = 70, .length = { true, 200 }, .framing = { .length = 30 } },
      .upload = { .offset = 70 },
      .length = { true, 200 },
      .room = 130 },
    { .name = "nothing, and the upload is complete",
      .append = { .offset = 70, .completes = true },
      .upload = { .offset = 70 },
      .length = { true, 70 } },
    { .name = "nothing, and the upload is complete, whose length is reached",
      .append = { .offset = 100, .completes = true },
      .upload = { .offset = 100, .length = { true, 100 } },
      .length = { true, 100 } },
    { .name = "chunked, and the upload is complete",
      .append = { .offset = 70, .completes = true, .framing = { .chunked = true } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .length = { true, 100 },
      .room = 30 },
    { .name = "below the offset",
      .append = { .offset = 69, .framing = { .length = 30 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .early = REFUSED_OFFSET_MISMATCH,
      .means = REFUSED_OFFSET_MISMATCH },
    { .name = "above the offset: an older request may still get there",
      .append = { .offset = 71, .framing = { .length = 30 } },
      .upload = { .offset = 70 },
      .means = REFUSED_OFFSET_MISMATCH },
    { .name = "above the length: nobody can get there",
      .append = { .offset = 101 },
      .upload = { .offset = 70, .length = { true, 100 } },
      .early = REFUSED_OFFSET_MISMATCH,
      .means = REFUSED_OFFSET_MISMATCH },
    { .name = "one byte too many",
      .append = { .offset = 70, .framing = { .length = 31 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .means = REFUSED_EXCESS },
    { .name = "one byte too many, in the end",
      .append = { .offset = 70, .completes = true, .framing = { .length = 31 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .means = REFUSED_EXCESS },
    { .name = "the end, one byte too early",
      .append = { .offset = 70, .completes = true, .framing = { .length = 29 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .means = REFUSED_LENGTHS_INCONSISTENT },
    { .name = "another length",
      .append = { .offset = 70, .length = { true, 101 }, .framing = { .length = 5 } },
      .upload = { .offset = 70, .length = { true, 100 } },
      .means = REFUSED_LENGTHS_INCONSISTENT },
    { .name = "a length, and an end elsewhere",
      .append = { .offset = 70,
                  .completes = true,
                  .length = { true, 101 },
                  .framing = { .length = 30 } },
      .upload = { .offset = 70 },
      .means = REFUSED_LENGTHS_INCONSISTENT },
    { .name = "a length below the offset",
      .append = { .offset = 70, .length = { true, 69 }, .framing = { .length = 5 } },
      .upload = { .offset = 70 },
      .means = REFUSED_LENGTHS_INCONSISTENT },
    { .name = "a length beyond what the server takes",
      .append = { .offset = 70, .length = { true, 1001 }, .framing = { .length = 5 } },
      .upload = { .offset = 70 },
      .means = REFUSED_TOO_LARGE },
    { .name = "more than the server takes",
      .append = { .offset = 970, .framing = { .length = 31 } },
      .upload = { .offset = 970 },
      .means = REFUSED_TOO_LARGE },
    { .name = "more than the server takes at once",
      .append = { .framing = { .length = 501 } },
      .upload = { .length = { true, 900 } },
      .means = REFUSED_APPEND_TOO_LARGE },
    { .name = "less than the server takes at once",
      .append = { .framing = { .length = 4 } },
      .upload = { .length = { true, 900 } },
      .means = REFUSED_APPEND_TOO_SMALL },
    { .name = "little, in the end",
      .append = { .offset = 899, .completes = true, .framing = { .length = 1 } },
      .upload = { .offset = 899, .length = { true, 900 } },
      .length = { true, 900 },
      .room = 1 },

    { .name = "bytes for a complete upload, at its end",
      .append = { .offset = 100, .framing = { .length = 5 } },
      .upload = { .offset = 100, .length = { true, 100 }, .complete = true },
      .versions = FROM_TO(3, 8),
      .early = REFUSED_COMPLETED,
      .means = REFUSED_COMPLETED },
    { .name = "bytes for a complete upload, at its end",
      .append = { .offset = 100, .framing = { .length = 5 } },
      .upload = { .offset = 100, .length = { true, 100 }, .complete = true },
      .versions = FROM_TO(9, 10) | IN(0),
      .early = REFUSED_LENGTHS_INCONSISTENT,
      .means = REFUSED_LENGTHS_INCONSISTENT },
    { .name = "bytes for a complete upload, elsewhere",
      .append = { .offset = 70, .completes = true, .framing = { .length = 30 } },
      .upload = { .offset = 100, .length = { true, 100 }, .complete = true },
      .versions = FROM_TO(3, 8),
      .early = REFUSED_COMPLETED,
      .means = REFUSED_COMPLETED },
    { .name = "bytes for a complete upload, elsewhere",
      .append = { .offset = 70, .completes = true, .framing = { .length = 30 } },
      .upload = { .offset = 100, .length = { true, 100 }, .complete = true },
      .versions = FROM_TO(9, 10) | IN(0),
      .early = REFUSED_OFFSET_MISMATCH,
      .means = REFUSED_OFFSET_MISMATCH },
    { .name = "nothing for a complete upload, and more to come",
      .append = { .offset = 100 },
      .upload = { .offset = 100, .length = { true, 100 }, .complete = true },
      .early = REFUSED_COMPLETED,
      .means = REFUSED_COMPLETED },
    { .name = "an upload of another protocol",
      .append = { .offset = 70, .framing = { .length = 30 } },
      .upload = { .offset = 70, .length = { true, 100 }, .foreign = true },
      .early = REFUSED_OTHER_PROTOCOL,
      .means = REFUSED_OTHER_PROTOCOL },
    { .name = "a damaged upload",
      .append = { .offset = 60 },
      .upload = { .offset = 70, .damaged = true, .foreign = true },
      .early = REFUSED_DAMAGED,
      .means = REFUSED_DAMAGED },
    { .name = "an invalidated upload",
      .append = { .offset = 60 },
      .upload = { .offset = 70, .invalidated = true },
      .early = REFUSED_INVALIDATED,
      .means = REFUSED_INVALIDATED },
};

static void check(const struct decision *decision, unsigned number)
{
    struct ietf_append append = decision->append;
    struct ietf_body body = { .room = 77, .length.bytes = 77 };

    append.version = version(number);
    int early = ietf_append_check_early(&append, &decision->upload);
    int r = ietf_append_check(&append, &decision->upload, &limits, &body);
    if (early != decision->early || r != decision->means)
        fail_msg("version %u, %s: %d, then %d", number, decision->name, early, r);
    assert_true(body.length.bytes == (r == 0 ? decision->length.bytes : 77));
    assert_true(body.room == (r == 0 ? decision->room : 77));
    assert_true(r != 0 || body.completes == append.completes);
}

static void decides_by_the_state_of_the_upload(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(decisions); i++) {
        unsigned versions = decisions[i].versions == 0 ? EVERY : decisions[i].versions;
        for (unsigned number = 0; number <= 10; number++)
            if ((versions & IN(number)) != 0)
                check(&decisions[i], number);
    }
}

static void knows_who_asks_once_more(void **state)
{
    struct ietf_upload upload = { .offset = 100, .length = { true, 100 }, .complete = true };
    struct ietf_append append = { .offset = 100, .completes = true };

    (void)state;
    assert_true(ietf_append_repeats(&append, &upload));
    upload.complete = false;
    assert_false(ietf_append_repeats(&append, &upload));
    upload = (struct ietf_upload){ .offset = 100, .complete = true, .foreign = true };
    assert_false(ietf_append_repeats(&append, &upload));
    upload.foreign = false;
    append.framing.length = 1;
    assert_false(ietf_append_repeats(&append, &upload));
    append.framing = (struct framing){ .chunked = true };
    assert_false(ietf_append_repeats(&append, &upload));
    append = (struct ietf_append){ .offset = 99, .completes = true };
    assert_false(ietf_append_repeats(&append, &upload));
    append = (struct ietf_append){ .offset = 100 };
    assert_false(ietf_append_repeats(&append, &upload));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_headers_as_each_version_has_them),
        cmocka_unit_test(decides_by_the_state_of_the_upload),
        cmocka_unit_test(knows_who_asks_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
