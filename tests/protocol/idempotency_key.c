#include "protocol/idempotency_key.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEY          "Idempotency-Key: "
#define LETTERS_50   "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx"
#define LETTERS_255  LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 "abcde"

static int parse(const char *fields, struct bytes *ret_key)
{
    struct message_text text;

    message_text_fields(bytes_of_text(fields), &text);
    return idempotency_key_field(&text.message, ret_key);
}

static void reads_strings(void **state)
{
    static const struct {
        const char *fields, *key;
    } cases[] = {
        /* the draft's own */
        { KEY "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324" },
        { KEY "\"clkyoesmbgybucifusbbtdsbohtyuuwz\"", "clkyoesmbgybucifusbbtdsbohtyuuwz" },
        { "idempotency-key: \"0123456789abcdef\"", "0123456789abcdef" },
        { KEY "\"0123456789 abcdef\";p=1", "0123456789 abcdef" },
        { KEY "\"0123456789abcd\\\"\"", "0123456789abcd\\\"" },
        { KEY "\"" LETTERS_255 "\"", LETTERS_255 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes key;
        if (parse(cases[i].fields, &key) != 0)
            fail_msg("refused: %s", cases[i].fields);
        assert_true(bytes_equal_text(key, cases[i].key));
    }
}

static void is_empty_where_there_is_none(void **state)
{
    struct bytes key = bytes_of_text("x");

    (void)state;
    assert_int_equal(parse("Upload-Length: 5", &key), 0);
    assert_int_equal(key.count, 0);
}

static void refuses_what_is_no_key(void **state)
{
    static const char *const cases[] = {
        KEY,
        KEY "8e03978e-40d5-43dd-bc93-6894a57f9324",
        KEY "\"\"",
        KEY "\"0123456789abcde\"",
        KEY "\"" LETTERS_255 "f\"",
        KEY "\"0123456789abcdef",
        KEY "\"0123456789abcdef\" x",
        KEY "\"0123456789abc\xc3\xa4\"",
        KEY "\"0123456789abcd\\e\"",
        KEY "'0123456789abcdef'",
        KEY ":MDEyMzQ1Njc4OWFiY2RlZg==:",
        KEY "0123456789012345",
        KEY "token-token-token-token",
        KEY "\"0123456789abcdef\", \"0123456789abcdef\"",
        KEY "\"0123456789abcdef\"\n" KEY "\"0123456789abcdef\"",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes key = bytes_of_text("untouched");
        if (parse(cases[i], &key) != REFUSED_KEY_SYNTAX)
            fail_msg("accepted: %s", cases[i]);
        assert_true(bytes_equal_text(key, "untouched"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_strings),
        cmocka_unit_test(is_empty_where_there_is_none),
        cmocka_unit_test(refuses_what_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
