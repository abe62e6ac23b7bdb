#include "protocol/upload_metadata.h"

#include <stdio.h>

#include "base/refusal.h"
#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void accepts_pairs(void **state)
{
    static const char *const cases[] = {
        /* tus 1.0.0, Creation */
        "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential",
        "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==",
        "is_confidential",
        "is_confidential ",
        "is_confidential ,filename Zm9v",
        "filename Zm9v, filetype dmlkZW8vbXA0",
        "a Zg==\t,\tb Zg==",
        "a Zg==,A Zg==",
        "=,== Zg==",
        "\xc3\xa4 Zg==",
        "",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (upload_metadata_check(bytes_of_text(cases[i])) != 0)
            fail_msg("refused: %s", cases[i]);
}

static void refuses_what_cannot_be_taken_apart(void **state)
{
    static const char *const cases[] = {
        ",",
        ", ",
        " ",
        "a Zg==,",
        ",a Zg==",
        "a Zg==,,b Zg==",
        "a Zg==, ,b Zg==",
        "a Zg==,b Zg==, ",
        " Zg==,",
        "a  Zg==",
        "a Zg== b",
        "a Zg",
        "a Zg=",
        "a Zh==",
        "a Zm-_",
        "a !",
        "a\tb Zg==",
        "a\x01 Zg==",
        "a Zg==,a Zg==",
        "a Zg==,b Zg==,a",
        "a,a",
        "a,a ",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (upload_metadata_check(bytes_of_text(cases[i])) != REFUSED_METADATA_SYNTAX)
            fail_msg("accepted: \"%s\"", cases[i]);
}

static size_t many_pairs(char *text, size_t room, size_t count)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, room - used, "%sk%zu", i == 0 ? "" : ",", i);
    return used;
}

static void bounds_the_number_of_pairs(void **state)
{
    char text[1024];

    (void)state;
    size_t count = many_pairs(text, sizeof(text), UPLOAD_METADATA_PAIRS_MAX);
    assert_int_equal(upload_metadata_check(bytes_of(text, count)), 0);
    count = many_pairs(text, sizeof(text), UPLOAD_METADATA_PAIRS_MAX + 1);
    assert_int_equal(upload_metadata_check(bytes_of(text, count)), REFUSED_METADATA_SYNTAX);
}

static void walks_over_the_pairs(void **state)
{
    struct bytes rest = bytes_of_text("filename Zm9v, empty ,bare");
    struct upload_metadata_pair pair;

    (void)state;
    assert_true(upload_metadata_next(&rest, &pair));
    assert_true(bytes_equal_text(pair.key, "filename"));
    assert_true(bytes_equal_text(pair.value, "Zm9v"));
    assert_true(upload_metadata_next(&rest, &pair));
    assert_true(bytes_equal_text(pair.key, "empty"));
    assert_int_equal(pair.value.count, 0);
    assert_true(upload_metadata_next(&rest, &pair));
    assert_true(bytes_equal_text(pair.key, "bare"));
    assert_int_equal(pair.value.count, 0);
    assert_false(upload_metadata_next(&rest, &pair));
    assert_true(bytes_equal_text(pair.key, "bare"));
}

static void decodes_the_one_that_matters(void **state)
{
    struct bytes value = bytes_of_text("name Zg==,filename Zm9vYmFy,bare");
    uint8_t data[6] = { 7 };
    size_t count = 99;

    (void)state;
    assert_false(upload_metadata_find(value, "filetype", data, sizeof(data), &count));
    assert_false(upload_metadata_find(value, "filename", data, 5, &count));
    assert_false(upload_metadata_find(bytes_of(NULL, 0), "filename", data, 6, &count));
    assert_int_equal(data[0], 7);
    assert_int_equal(count, 99);

    assert_true(upload_metadata_find(value, "filename", data, sizeof(data), &count));
    assert_true(bytes_equal_text(bytes_of(data, count), "foobar"));
    assert_true(upload_metadata_find(value, "bare", data, sizeof(data), &count));
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_pairs),
        cmocka_unit_test(refuses_what_cannot_be_taken_apart),
        cmocka_unit_test(bounds_the_number_of_pairs),
        cmocka_unit_test(walks_over_the_pairs),
        cmocka_unit_test(decodes_the_one_that_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
