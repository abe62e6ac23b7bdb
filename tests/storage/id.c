#include "storage/id.h"

#include "tests/check.h"

static void reads_what_it_writes(void **state)
{
    struct upload_id id, again;

    (void)state;
    assert_int_equal(upload_id_random(&id), 0);
    struct upload_id_text text = upload_id_format(&id);
    assert_int_equal(strlen(text.text), 32);
    assert_true(upload_id_parse(bytes_of_text(text.text), &again));
    assert_true(upload_id_equal(&id, &again));
}

static void writes_lowercase_digits_in_order(void **state)
{
    struct upload_id id = { .bytes = { 0x01, 0x23, 0xab, [15] = 0xef } };

    (void)state;
    assert_string_equal(upload_id_format(&id).text, "0123ab000000000000000000000000ef");
}

static void refuses_everything_else(void **state)
{
    static const char *const texts[] = {
        "",
        "0123ab",
        "0123ab000000000000000000000000e",
        "0123ab000000000000000000000000eff",
        "0123AB000000000000000000000000ef",
        "0123ab00000000000000000000000 ef",
        "0123ab0000000000/00000000000000e",
        "../../../../../../../etc/passwd0",
        "0123ab00000000000000000000000g00",
        "0123ab000000000000000000000000e\xff",
    };
    struct upload_id id = { .bytes = { 77 } };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(upload_id_parse(bytes_of_text(texts[i]), &id));
    assert_false(upload_id_parse(bytes_of("0123ab000000000000000000000000e", 32), &id));
    assert_int_equal(id.bytes[0], 77);
}

static void two_ids_differ(void **state)
{
    struct upload_id one, other;

    (void)state;
    assert_int_equal(upload_id_random(&one), 0);
    assert_int_equal(upload_id_random(&other), 0);
    assert_false(upload_id_equal(&one, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(writes_lowercase_digits_in_order),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(two_ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
