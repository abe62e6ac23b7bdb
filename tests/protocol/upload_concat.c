#include "protocol/upload_concat.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CONCAT       "Upload-Concat: "

static int parse(const char *fields, struct upload_concat *ret_concat)
{
    struct message_text text;

    message_text_fields(bytes_of_text(fields), &text);
    return upload_concat_parse(&text.message, ret_concat);
}

static void reads_both_forms(void **state)
{
    struct upload_concat concat;

    (void)state;
    assert_int_equal(parse(CONCAT "partial", &concat), 0);
    assert_int_equal(concat.kind, UPLOAD_CONCAT_PARTIAL);
    assert_true(bytes_equal_text(concat.words, "partial"));
    assert_int_equal(concat.url_count, 0);

    assert_int_equal(parse(CONCAT "final;/files/a /files/b", &concat), 0);
    assert_int_equal(concat.kind, UPLOAD_CONCAT_FINAL);
    assert_true(bytes_equal_text(concat.words, "final;/files/a /files/b"));
    assert_int_equal(concat.url_count, 2);
}

static void is_nothing_without_the_field(void **state)
{
    struct upload_concat concat;

    (void)state;
    assert_int_equal(parse("Upload-Length: 5", &concat), 0);
    assert_int_equal(concat.kind, UPLOAD_CONCAT_NONE);
    assert_int_equal(concat.words.count, 0);
}

static void takes_the_list_apart(void **state)
{
    static const char *const wanted[] = { "https://a/files/1", "/files/2", "/files/2", "3" };
    struct upload_concat concat;
    struct bytes url = bytes_of_text("untouched");
    size_t count = 0;

    (void)state;
    assert_int_equal(parse(CONCAT "final; https://a/files/1 /files/2  /files/2 3 ", &concat), 0);
    assert_int_equal(concat.url_count, COUNT(wanted));
    for (struct bytes rest = concat.urls; upload_concat_next(&rest, &url); count++)
        assert_true(bytes_equal_text(url, wanted[count]));
    assert_int_equal(count, COUNT(wanted));
    assert_true(bytes_equal_text(url, wanted[COUNT(wanted) - 1]));
}

static void refuses_everything_else(void **state)
{
    static const struct {
        const char *fields;
        int means;
    } cases[] = {
        { CONCAT, REFUSED_CONCAT_SYNTAX },
        { CONCAT "Partial", REFUSED_CONCAT_SYNTAX },
        { CONCAT "partial;", REFUSED_CONCAT_SYNTAX },
        { CONCAT "partial /files/a", REFUSED_CONCAT_SYNTAX },
        { CONCAT "final", REFUSED_CONCAT_SYNTAX },
        { CONCAT "final;", REFUSED_CONCAT_SYNTAX },
        { CONCAT "final;  ", REFUSED_CONCAT_SYNTAX },
        { CONCAT "final /files/a", REFUSED_CONCAT_SYNTAX },
        { CONCAT "final:/files/a", REFUSED_CONCAT_SYNTAX },
        { CONCAT "FINAL;/files/a", REFUSED_CONCAT_SYNTAX },
        { CONCAT "final;/files/a\t/files/b", REFUSED_CONCAT_SYNTAX },
        { CONCAT "final;/files/\xc3\xa4", REFUSED_CONCAT_SYNTAX },
        { CONCAT "final;/files/\x7f", REFUSED_CONCAT_SYNTAX },
        { CONCAT "other", REFUSED_CONCAT_SYNTAX },
        { CONCAT "partial\n" CONCAT "partial", REFUSED_REPEATED_FIELD },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct upload_concat concat = { .url_count = 77 };
        int r = parse(cases[i].fields, &concat);
        if (r != cases[i].means)
            fail_msg("%d instead of %d: %s", r, cases[i].means, cases[i].fields);
        assert_int_equal(concat.url_count, 77);
    }
}

static void finds_the_name_behind_the_base_path(void **state)
{
    static const struct {
        const char *url, *base, *name;
    } cases[] = {
        { "/files/a", "/files/", "a" },
        { "/files/a/", "/files/", "a" },
        { "http://host/files/a", "/files/", "a" },
        { "https://host:1080/files/a", "/files/", "a" },
        { "https://elsewhere.example/through/a/proxy/files/a", "/files/", "a" },
        { "//host/files/a", "/files/", "a" },
        { "../files/a", "/files/", "a" },
        { "a", "/files/", "a" },
        { "a/", "/files/", "a" },
        { "http://host/a", "/", "a" },
        { "/x/y/a", "/x/y/", "a" },
        { "/files/a?b#c", "/files/", "a?b#c" },
        { "/files/", "/files/", NULL },
        { "/files//", "/files/", NULL },
        { "/", "/files/", NULL },
        { "//", "/", NULL },
        { "/other/a", "/files/", NULL },
        { "/afiles/a", "/files/", NULL },
        { "files/a", "/files/", NULL },
        { "/files/a/b", "/files/", NULL },
        { "./a", "/files/", NULL },
        { "/files", "/files/", NULL },
        { "http://host", "/files/", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes name = bytes_of_text("untouched");
        bool found = upload_concat_name(bytes_of_text(cases[i].url), cases[i].base, &name);
        if (found != (cases[i].name != NULL))
            fail_msg("%s: %s", cases[i].url, found ? "found" : "not found");
        if (!bytes_equal_text(name, found ? cases[i].name : "untouched"))
            fail_msg("%s: %.*s", cases[i].url, BYTES_ARGUMENT(name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_forms),
        cmocka_unit_test(is_nothing_without_the_field),
        cmocka_unit_test(takes_the_list_apart),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(finds_the_name_behind_the_base_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
