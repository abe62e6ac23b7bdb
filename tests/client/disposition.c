#include "tools/ferry/disposition.h"

#include <stdlib.h>

#include "tests/check.h"

static void names_are_told_to_old_and_new_programs(void **state)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        { "video.mp4", "inline; filename=\"video.mp4\"" },
        { "a name", "inline; filename=\"a name\"" },
        { "na\xC3\xAFve", "inline; filename=\"na_ve\"; filename*=UTF-8''na%C3%AFve" },
        { "50%", "inline; filename=\"50_\"; filename*=UTF-8''50%25" },
        { "\"\\", "inline; filename=\"__\"; filename*=UTF-8''%22%5C" },
        { "a\r\nb", "inline; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab" },
        { "\xFF", "inline; filename=\"_\"; filename*=UTF-8''%FF" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *value = disposition_format(rows[i].name);
        assert_non_null(value);
        assert_string_equal(value, rows[i].value);
        free(value);
    }
    assert_null(disposition_format(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told_to_old_and_new_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
