#include "protocol/base64.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_and_writes_what_the_rfc_shows(void **state)
{
    static const struct {
        const char *data, *text;
    } cases[] = {
        /* RFC 4648, 10 */
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        /* tus 1.0.0, Creation */
        { "world_domination_plan.pdf", "d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==" },
        { "\xff\xfe\xfd", "//79" },
        { "\xfb\xef\xbe", "++++" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        uint8_t data[64];
        size_t count = 99;

        assert_true(base64_decode(bytes_of_text(cases[i].text), data, sizeof(data), &count));
        assert_true(bytes_equal_text(bytes_of(data, count), cases[i].data));

        base64_encode(bytes_of_text(cases[i].data), text);
        assert_true(bytes_equal_text(bytes_of(text, BASE64_TEXT_BYTES(strlen(cases[i].data))),
                                     cases[i].text));
    }
}

static void refuses_everything_else_and_touches_nothing(void **state)
{
    static const char *const cases[] = {
        "Z",     "Zg",     "Zg=",   "Zg===", "=",        "==",    "===",
        "====",  "Zm8",    "Zm9=v", "Z=g=",  "Zg==Zg==", "Zm9v ", " Zm9v",
        "Zm 9v", "Zm9v\n", "Zm-_",  "Zm9!",  "Zh==",     "Zm9=",  "\xc3\xa4zz",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t data[8] = { 7 };
        size_t count = 99;
        if (base64_decode(bytes_of_text(cases[i]), data, sizeof(data), &count))
            fail_msg("accepted: %s", cases[i]);
        assert_int_equal(data[0], 7);
        assert_int_equal(count, 99);
    }
}

static void refuses_what_does_not_fit(void **state)
{
    uint8_t data[3] = { 7, 7, 7 };
    size_t count = 99;

    (void)state;
    assert_false(base64_decode(bytes_of_text("Zm9v"), data, 2, &count));
    assert_int_equal(data[0], 7);
    assert_int_equal(count, 99);
    assert_true(base64_decode(bytes_of_text("Zm9v"), data, 3, &count));
    assert_int_equal(count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_what_the_rfc_shows),
        cmocka_unit_test(refuses_everything_else_and_touches_nothing),
        cmocka_unit_test(refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
