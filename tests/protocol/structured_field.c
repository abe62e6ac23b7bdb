#include "protocol/structured_field.h"

#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The RFC's own examples first; text is what stands in the field without parameters. */
static const struct {
    const char *field;
    enum structured_kind kind;
    int64_t integer;
    const char *text;
} items[] = {
    { "5", STRUCTURED_INTEGER, 5, "5" },
    { "5; foo=bar", STRUCTURED_INTEGER, 5, "5" },
    { "42", STRUCTURED_INTEGER, 42, "42" },
    { "4.5", STRUCTURED_DECIMAL, 4500, "4.5" },
    { "\"hello world\"", STRUCTURED_STRING, 0, "\"hello world\"" },
    { "foo123/456", STRUCTURED_TOKEN, 0, "foo123/456" },
    { ":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:", STRUCTURED_BYTES, 0,
      ":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:" },
    { "?1", STRUCTURED_BOOLEAN, 0, "?1" },
    { "@1659578233", STRUCTURED_DATE, 1659578233, "@1659578233" },
    { "%\"This is intended for display to %c3%bcsers.\"", STRUCTURED_DISPLAY_STRING, 0,
      "%\"This is intended for display to %c3%bcsers.\"" },

    { "0", STRUCTURED_INTEGER, 0, "0" },
    { "-0", STRUCTURED_INTEGER, 0, "-0" },
    { "-42", STRUCTURED_INTEGER, -42, "-42" },
    { "042", STRUCTURED_INTEGER, 42, "042" },
    { "  5  ", STRUCTURED_INTEGER, 5, "5" },
    { "999999999999999", STRUCTURED_INTEGER, 999999999999999, "999999999999999" },
    { "-999999999999999", STRUCTURED_INTEGER, -999999999999999, "-999999999999999" },
    { "123456789012.125", STRUCTURED_DECIMAL, 123456789012125, "123456789012.125" },
    { "-1.05", STRUCTURED_DECIMAL, -1050, "-1.05" },
    { "\"\"", STRUCTURED_STRING, 0, "\"\"" },
    { "\"a\\\"b\\\\\"", STRUCTURED_STRING, 0, "\"a\\\"b\\\\\"" },
    { "*", STRUCTURED_TOKEN, 0, "*" },
    { "a:b/c!#$%&'*+-.^_`|~9", STRUCTURED_TOKEN, 0, "a:b/c!#$%&'*+-.^_`|~9" },
    { "::", STRUCTURED_BYTES, 0, "::" },
    { ":aGVsbG8:", STRUCTURED_BYTES, 0, ":aGVsbG8:" },
    { ":iZ==:", STRUCTURED_BYTES, 0, ":iZ==:" },
    { "?0", STRUCTURED_BOOLEAN, 0, "?0" },
    { "@-1", STRUCTURED_DATE, -1, "@-1" },
    { "%\"\"", STRUCTURED_DISPLAY_STRING, 0, "%\"\"" },
    { "%\"%f4%8f%bf%bf\"", STRUCTURED_DISPLAY_STRING, 0, "%\"%f4%8f%bf%bf\"" },
    { "1;a;b=?0;  c=\"x\";*d=:YQ==:;a", STRUCTURED_INTEGER, 1, "1" },
};

static void reads_items(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(items); i++) {
        struct structured_value value;
        if (!structured_item_parse(bytes_of_text(items[i].field), &value))
            fail_msg("not read: %s", items[i].field);
        if (value.kind != items[i].kind || value.integer != items[i].integer ||
            !bytes_equal_text(value.text, items[i].text))
            fail_msg("misread: %s", items[i].field);
        assert_true(value.boolean == (strcmp(items[i].text, "?1") == 0));
    }
}

static void refuses_what_is_no_item(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "\t5",
        "5\t",
        "5 5",
        "5,5",
        "5,",
        "+5",
        "- 5",
        "-",
        "--5",
        "0x10",
        "1e3",
        "5;",
        "5; ",
        "5;A",
        "5;a=",
        "5;a= 1",
        "5;a=(1)",
        "5 ;a",
        "1234567890123456",
        "1.",
        ".5",
        "1.2345",
        "1.-5",
        "1234567890123.1",
        "1..5",
        "\"a",
        "a\"",
        "\"\\a\"",
        "\"\\\"",
        "\"\x7f\"",
        "\"\xc3\xbc\"",
        "\"a\tb\"",
        ":YQ==",
        "YQ==:",
        ":Y:",
        ":YQ=:",
        ":YQ===:",
        ":=YQ=:",
        ":Y Q:",
        ":YQ-_:",
        ":====:",
        "?",
        "?2",
        "?true",
        "? 1",
        "?11",
        "@",
        "@1.5",
        "@a",
        "%",
        "%a",
        "%\"",
        "%\"%\"",
        "%\"%C3%BC\"",
        "%\"%c3\"",
        "%\"%bc\"",
        "%\"%c0%80\"",
        "%\"%ed%a0%80\"",
        "%\"%f4%90%80%80\"",
        "%\"%e0%80%80\"",
        "%\"\x01\"",
        "%\"\xc3\xbc\"",
        "(1 2)",
        "/a",
        "\xff",
        "5\xff",
        "a b",
        "{}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct structured_value value = { .integer = 77 };
        if (structured_item_parse(bytes_of_text(cases[i]), &value))
            fail_msg("taken for an item: %s", cases[i]);
        assert_true(value.integer == 77);
    }
}

static void reads_dictionaries(void **state)
{
    static const struct {
        const char *field, *key, *text;
        enum structured_kind kind;
    } cases[] = {
        { "en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:", "da", ":w4ZibGV0w6ZydGU=:", STRUCTURED_BYTES },
        { "a=?0, b, c; foo=bar", "a", "?0", STRUCTURED_BOOLEAN },
        { "rating=1.5, feelings=(joy sadness)", "feelings", "(joy sadness)",
          STRUCTURED_INNER_LIST },
        { "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid", "c", "4", STRUCTURED_INTEGER },
        { "a=1,a=2", "a", "2", STRUCTURED_INTEGER },
        { "a=1 \t,\t b=2", "b", "2", STRUCTURED_INTEGER },
        { "  a=1  ", "a", "1", STRUCTURED_INTEGER },
        { "a=()", "a", "()", STRUCTURED_INNER_LIST },
        { "a=(  1;x   \"y\" )", "a", "(  1;x   \"y\" )", STRUCTURED_INNER_LIST },
        { "*a_-.*9=x", "*a_-.*9", "x", STRUCTURED_TOKEN },
        { "sha-256=:YQ==:, unknown=(1 2);q=1", "sha-256", ":YQ==:", STRUCTURED_BYTES },
    };
    struct structured_value value;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes field = bytes_of_text(cases[i].field);
        assert_true(structured_dictionary_valid(field));
        if (!structured_dictionary_find(field, cases[i].key, &value) ||
            value.kind != cases[i].kind || !bytes_equal_text(value.text, cases[i].text))
            fail_msg("misread: %s", cases[i].field);
    }

    /* a key alone is true */
    assert_true(structured_dictionary_find(bytes_of_text("a=?0, b, c; foo=bar"), "c", &value));
    assert_int_equal(value.kind, STRUCTURED_BOOLEAN);
    assert_true(value.boolean);

    assert_true(structured_dictionary_valid(bytes_of_text("")));
    assert_false(structured_dictionary_find(bytes_of_text("a=1"), "b", &value));
}

static void refuses_what_is_no_dictionary(void **state)
{
    static const char *const cases[] = {
        ",",        "a=1,", "a=1, ", ",a=1", "a=1,,b=2", "a=1 b=2", "a=",     "a= 1",
        "=1",       "A=1",  "a=1;",  "a=(1", "a=1)",     "a=(1,2)", "a=(1)2", "a=((1))",
        "a=(1\t2)", "9a",   "a.=é",  "\ta",  "a=1;B",    "a=\"",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct structured_value value = { .integer = 77 };
        if (structured_dictionary_valid(bytes_of_text(cases[i])))
            fail_msg("taken for a dictionary: %s", cases[i]);
        assert_false(structured_dictionary_find(bytes_of_text(cases[i]), "a", &value));
        assert_true(value.integer == 77);
    }
}

static void decodes_bytes(void **state)
{
    static const struct {
        const char *field, *bytes;
    } cases[] = {
        { "::", "" },       { ":Zg==:", "f" },          { ":Zg:", "f" },
        { ":Zm8=:", "fo" }, { ":Zm8:", "fo" },          { ":Zm9v:", "foo" },
        { ":Zh==:", "f" },  { ":Zm9vYmFy:", "foobar" }, { ":+/+/:", "\xfb\xff\xbf" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct structured_value value;
        uint8_t data[8] = { 0 };
        size_t count = 99, bytes = strlen(cases[i].bytes);

        assert_true(structured_item_parse(bytes_of_text(cases[i].field), &value));
        if (bytes > 0)
            assert_false(structured_bytes_decode(&value, data, bytes - 1, &count));
        assert_int_equal(count, 99);
        assert_true(structured_bytes_decode(&value, data, bytes, &count));
        assert_int_equal(count, bytes);
        assert_memory_equal(data, cases[i].bytes, bytes);
        assert_int_equal(data[bytes], 0);
    }
}

/* "parsers MUST combine all field lines in the same section": RFC 9651, 4.2 */
static void reads_all_fields_of_a_name_as_one(void **state)
{
    struct message_text text;
    struct structured_value value;

    (void)state;
    message_text_fields(
        bytes_of_text("a: 5\nB: x=1\nb: y=2, x=3\nc: 5\nc: 5\nd: x=1\nd:\ne: x=1\ne: ,"), &text);
    const struct message *message = &text.message;
    assert_true(structured_item_field(message, "A", &value));
    assert_false(structured_item_field(message, "c", &value));
    assert_false(structured_item_field(message, "z", &value));

    assert_true(structured_dictionary_field_find(message, "b", "x", &value));
    assert_true(value.integer == 3);
    assert_true(structured_dictionary_field_find(message, "b", "y", &value));
    assert_false(structured_dictionary_field_valid(message, "d"));
    assert_false(structured_dictionary_field_valid(message, "e"));
    assert_false(structured_dictionary_field_find(message, "e", "x", &value));
    assert_false(structured_dictionary_field_valid(message, "z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_items),        cmocka_unit_test(refuses_what_is_no_item),
        cmocka_unit_test(reads_dictionaries), cmocka_unit_test(refuses_what_is_no_dictionary),
        cmocka_unit_test(decodes_bytes),      cmocka_unit_test(reads_all_fields_of_a_name_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
