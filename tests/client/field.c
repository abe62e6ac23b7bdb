#include "tools/ferry/field.h"

#include "tests/check.h"

static void reads_integers(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } rows[] = {
        { "0", 0 },   { "100", 100 },  { "999999999999999", 999999999999999 },
        { "5;a", 5 }, { "5 ;a=1", 5 }, { "007", 7 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 77;
        assert_true(field_integer(bytes_of_text(rows[i].text), &value));
        assert_int_equal(value, rows[i].value);
    }
}

static void leaves_out_what_is_no_integer(void **state)
{
    static const char *const texts[] = {
        "", ";", "-1", "+1", "1.0", "1e3", "\"1\"", "1, 2", "1000000000000000", "?1", "a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint64_t value = 77;
        assert_false(field_integer(bytes_of_text(texts[i]), &value));
        assert_int_equal(value, 77);
    }
}

static void reads_booleans(void **state)
{
    bool value = false;

    (void)state;
    assert_true(field_boolean(bytes_of_text("?1"), &value) && value);
    assert_true(field_boolean(bytes_of_text("?0"), &value) && !value);
    assert_true(field_boolean(bytes_of_text("?1;foo=bar"), &value) && value);
    static const char *const texts[] = { "", "1", "true", "?2", "??1", "?10", "?1, ?0" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(field_boolean(bytes_of_text(texts[i]), &value));
}

static void finds_members_of_dictionaries(void **state)
{
    struct bytes limits = bytes_of_text("max-size=1073741824, max-append-size=100;a,max-age=3600");
    uint64_t value = 77;

    (void)state;
    assert_false(field_member(limits, "append-size", &value));
    assert_false(field_member(limits, "max-ag", &value));
    assert_int_equal(value, 77);
    assert_true(field_member(limits, "max-size", &value));
    assert_int_equal(value, 1073741824);
    assert_true(field_member(limits, "max-append-size", &value));
    assert_int_equal(value, 100);
    assert_true(field_member(limits, "max-age", &value));
    assert_int_equal(value, 3600);
}

static void finds_nothing_where_nothing_is(void **state)
{
    static const char *const texts[] = { "", ",", "=", "a", "a=", "a=-1", "a=x, b", ",,a=?1" };
    uint64_t value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(field_member(bytes_of_text(texts[i]), "a", &value));
    assert_int_equal(value, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(leaves_out_what_is_no_integer),
        cmocka_unit_test(reads_booleans),
        cmocka_unit_test(finds_members_of_dictionaries),
        cmocka_unit_test(finds_nothing_where_nothing_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
