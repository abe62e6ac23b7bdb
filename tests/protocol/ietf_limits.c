#include "protocol/ietf_limits.h"

#include "protocol/ietf_field.h"
#include "tests/check.h"
#include "tests/protocol/ietf_text.h"

static void writes_what_there_is(void **state)
{
    static const struct {
        struct ietf_limits limits;
        int64_t lifetime_s;
        unsigned number;
        const char *text;
    } cases[] = {
        { { .max_size = 1073741824, .max_append_size = 104857600 },
          3600,
          10,
          "max-size=1073741824, max-append-size=104857600, max-age=3600" },
        { { 1000, 10, 500, 5 },
          0,
          7,
          "max-size=1000, min-size=10, max-append-size=500, min-append-size=5, max-age=0" },
        { { 0 }, 3600, 6, "expires=3600" },
        { { 0 }, 3600, 0, "max-age=3600" },
        { { 0 }, IETF_LIFETIME_ENDLESS, 10, "min-size=0" },
        { { 0 }, IETF_LIFETIME_ENDLESS, 6, "min-size=0" },
        { { 1000, 10, 500, 5 }, 3600, 5, "" },
        { { 1000, 10, 500, 5 }, 3600, 3, "" },
        { { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
          INT64_MAX,
          8,
          "max-size=999999999999999, min-size=999999999999999, max-append-size=999999999999999, "
          "min-append-size=999999999999999, max-age=999999999999999" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[IETF_LIMITS_BYTES];
        ietf_limits_format(&cases[i].limits, version(cases[i].number), cases[i].lifetime_s, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void knows_the_longest_upload(void **state)
{
    (void)state;
    assert_true(ietf_limits_longest(&(struct ietf_limits){ 0 }) == IETF_SIZE_MAX);
    assert_true(ietf_limits_longest(&(struct ietf_limits){ .max_size = 5 }) == 5);
    assert_true(ietf_limits_longest(&(struct ietf_limits){ .max_size = UINT64_MAX }) ==
                IETF_SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_there_is),
        cmocka_unit_test(knows_the_longest_upload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
