#include "tools/ferry/digest_field.h"

#include <stdio.h>

#include "tests/check.h"

static const char sha256_field[] = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";

static void reads_what_rfc_9530_shows(void **state)
{
    struct digest_value value = digest_field_parse(sha256_field);

    (void)state;
    assert_int_equal(value.algorithm, DIGEST_SHA256);
    assert_int_equal(value.bytes[0], 0x44);
    assert_int_equal(value.bytes[31], 0x38);
}

static void takes_the_first_that_is_known(void **state)
{
    char field[256];

    (void)state;
    (void)snprintf(field, sizeof(field),
                   "sha=:AAAA:, unixsum=:AA==:,\t%s,crc32=:AAAAAA==:", sha256_field);
    assert_int_equal(digest_field_parse(field).algorithm, DIGEST_SHA256);
    assert_int_equal(digest_field_parse("crc32=:AAAAAA==:").algorithm, DIGEST_CRC32);
}

static void leaves_out_what_is_no_digest(void **state)
{
    static const char *const fields[] = {
        "",
        ",",
        "sha-256",
        "sha-256=",
        "sha-256=:",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",
        "crc32=:AAA*AA==:",
        "none=::",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        assert_int_equal(digest_field_parse(fields[i]).algorithm, DIGEST_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_rfc_9530_shows),
        cmocka_unit_test(takes_the_first_that_is_known),
        cmocka_unit_test(leaves_out_what_is_no_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
