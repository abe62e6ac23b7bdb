#include "protocol/tus_extension.h"

#include "tests/check.h"

static void lists_what_there_is(void **state)
{
    char text[TUS_EXTENSIONS_BYTES];

    (void)state;
    /* tus 1.0.0, OPTIONS */
    tus_extensions_format(TUS_CREATION | TUS_EXPIRATION, text);
    assert_string_equal(text, "creation,expiration");

    tus_extensions_format(0, text);
    assert_string_equal(text, "");

    tus_extensions_format((TUS_CONCATENATION_UNFINISHED << 1) - 1, text);
    assert_string_equal(text,
                        "creation,creation-with-upload,creation-defer-length,expiration,"
                        "checksum,checksum-trailer,termination,concatenation,"
                        "concatenation-unfinished");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lists_what_there_is) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
