#include "protocol/entity_tag.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_one(void **state)
{
    static const struct {
        const char *text;
        bool weak;
        const char *opaque;
    } cases[] = {
        { "\"xyzzy\"", false, "\"xyzzy\"" }, /* RFC 9110, 8.8.3 */
        { "W/\"xyzzy\"", true, "\"xyzzy\"" },
        { "\"\"", false, "\"\"" },
        { "\"a,b\"", false, "\"a,b\"" },
        { "\"\\\"", false, "\"\\\"" }, /* a backslash stands for itself */
        { "\"!#~\xff\"", false, "\"!#~\xff\"" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct entity_tag tag;
        assert_true(entity_tag_parse(bytes_of_text(cases[i].text), &tag));
        assert_int_equal(tag.weak, cases[i].weak);
        assert_true(bytes_equal_text(tag.opaque, cases[i].opaque));
    }
}

static void refuses_everything_else(void **state)
{
    static const char *const cases[] = {
        "",       "\"",     "xyzzy",    "\"x",         "x\"",       "w/\"x\"",
        "W/",     "W\"x\"", "W/ \"x\"", "\"a b\"",     "\"a\x7f\"", "\"a\tb\"",
        "\"x\" ", " \"x\"", "\"x\"y",   "\"x\",\"y\"", "*",         "'x'",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct entity_tag tag = { .weak = true };
        if (entity_tag_parse(bytes_of_text(cases[i]), &tag))
            fail_msg("accepted: %s", cases[i]);
        assert_true(tag.weak);
    }
    assert_false(entity_tag_parse(bytes_of(NULL, 0), NULL));
}

static void compares_as_the_table_of_the_specification(void **state)
{
    /* RFC 9110, 8.8.3.2 */
    static const struct {
        const char *one, *other;
        bool strongly, weakly;
    } cases[] = {
        { "W/\"1\"", "W/\"1\"", false, true },
        { "W/\"1\"", "W/\"2\"", false, false },
        { "W/\"1\"", "\"1\"", false, true },
        { "\"1\"", "\"1\"", true, true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct entity_tag one, other;
        assert_true(entity_tag_parse(bytes_of_text(cases[i].one), &one));
        assert_true(entity_tag_parse(bytes_of_text(cases[i].other), &other));
        assert_int_equal(entity_tag_equal_strongly(one, other), cases[i].strongly);
        assert_int_equal(entity_tag_equal_strongly(other, one), cases[i].strongly);
        assert_int_equal(entity_tag_equal_weakly(one, other), cases[i].weakly);
    }
}

static size_t count_tags(const char *text)
{
    struct bytes list = bytes_of_text(text);
    struct entity_tag tag;
    size_t count = 0;

    while (entity_tag_next(&list, &tag))
        count++;
    return count;
}

static void walks_over_a_list(void **state)
{
    (void)state;
    assert_int_equal(count_tags("\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\""), 3); /* 13.1.1 */
    assert_int_equal(count_tags("W/\"xyzzy\", W/\"r2d2xxxx\""), 2);
    assert_int_equal(count_tags("\"a,b\",\"c\""), 2);
    assert_int_equal(count_tags(" , ,\"a\" ,, \"b\" ,"), 2);
    assert_int_equal(count_tags(""), 0);
    assert_int_equal(count_tags("*"), 0);
    assert_int_equal(count_tags("\"a\", b, \"c\""), 1);
    assert_int_equal(count_tags("\"a\" \"b\""), 0);
    assert_int_equal(count_tags("\"a\""), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_one),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(compares_as_the_table_of_the_specification),
        cmocka_unit_test(walks_over_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
