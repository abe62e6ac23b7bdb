#include "protocol/ietf_metadata.h"

#include "protocol/upload_metadata.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct bytes read_fields(const char *fields, char room[static IETF_METADATA_BYTES])
{
    struct message_text text;
    message_text_fields(bytes_of_text(fields), &text);
    return ietf_metadata(&text.message, room);
}

static void keeps_the_name_the_type_and_the_encoding(void **state)
{
    static const struct {
        const char *fields, *key, *value;
    } cases[] = {
        /* the draft's example */
        { "Content-Disposition: inline; filename=\"file name.jpg\"; "
          "filename*=UTF-8''file%20name.jpg\nContent-Length: 123456789",
          "filename", "file name.jpg" },
        { "Content-Disposition: inline; filename*=utf-8'de'na%C3%AFve.txt; filename=naive.txt",
          "filename", "na\xc3\xafve.txt" },
        { "Content-Disposition: attachment;filename=a.txt", "filename", "a.txt" },
        { "Content-Disposition: attachment ; FileName = \"a\\\"b\\\\c\"", "filename", "a\"b_c" },
        { "Content-Disposition: x; filename*=latin1''a; filename=b; size=\"5\"", "filename", "b" },
        { "Content-Disposition: inline; filename=\"../../etc/passwd\"", "filename",
          "_._.._etc_passwd" },
        { "Content-Type: video/mp4; codecs=\"a, b\"", "filetype", "video/mp4; codecs=\"a, b\"" },
        { "Content-Encoding: gzip", "encoding", "gzip" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char room[IETF_METADATA_BYTES];
        uint8_t value[256] = { 0 };
        size_t count = 0;
        struct bytes metadata = read_fields(cases[i].fields, room);

        assert_int_equal(upload_metadata_check(metadata), 0);
        if (!upload_metadata_find(metadata, cases[i].key, value, sizeof(value) - 1, &count))
            fail_msg("not kept: %s", cases[i].fields);
        assert_string_equal((char *)value, cases[i].value);
    }
}

static void keeps_nothing_of_what_it_cannot_read(void **state)
{
    static const char *const cases[] = {
        "",
        "Content-Disposition: inline",
        "Content-Disposition: inline; filename",
        "Content-Disposition: inline; filename=",
        "Content-Disposition: inline; filename=\"a",
        "Content-Disposition: inline; filename=\"a\\",
        "Content-Disposition: inline; filename=a b",
        "Content-Disposition: ; filename=a",
        "Content-Disposition: inline; filename*=UTF-8''%4",
        "Content-Disposition: inline; filename*=UTF-8a",
        "Content-Disposition: inline; filename=a\nContent-Disposition: inline; filename=b",
        "Content-Type: application/partial-upload",
        "Content-Type:",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char room[IETF_METADATA_BYTES];
        if (read_fields(cases[i], room).count > 0)
            fail_msg("kept: %s", cases[i]);
    }
}

static void keeps_metadata_that_is_sent_as_such(void **state)
{
    char room[IETF_METADATA_BYTES];

    (void)state;
    struct bytes metadata = read_fields("Upload-Metadata: filename Zm9v\nContent-Type: a/b", room);
    assert_true(bytes_equal_text(metadata, "filename Zm9v"));
    metadata = read_fields("Upload-Metadata: filename Z\nContent-Type: a/b", room);
    assert_true(bytes_equal_text(metadata, "filetype YS9i"));
}

/* The longest of all: what finds no room is cut. */
static void has_room_for_whatever_comes(void **state)
{
    char room[IETF_METADATA_BYTES], fields[6100];
    char *end = fields;

    (void)state;
    for (const char *const *name =
             (const char *const[]){ "Content-Disposition: x; filename=\"",
                                    "\"\nContent-Type: ", "\nContent-Encoding: ", NULL };
         *name != NULL; name++) {
        end = stpcpy(end, *name);
        memset(end, 'x', 2000);
        end += 2000;
    }
    *end = '\0';
    struct bytes metadata = read_fields(fields, room);
    assert_true(metadata.count > 700 && metadata.count <= sizeof(room));
    assert_int_equal(upload_metadata_check(metadata), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_name_the_type_and_the_encoding),
        cmocka_unit_test(keeps_nothing_of_what_it_cannot_read),
        cmocka_unit_test(keeps_metadata_that_is_sent_as_such),
        cmocka_unit_test(has_room_for_whatever_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
