#include "protocol/media_type.h"

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void compares_the_type_alone(void **state)
{
    static const struct {
        const char *value;
        bool is;
    } cases[] = {
        { "application/offset+octet-stream", true },
        { "Application/Offset+Octet-Stream", true },
        { "application/offset+octet-stream;charset=utf-8", true },
        { "application/offset+octet-stream ; charset=utf-8", true },
        { "application/offset+octet-stream;", true },
        { "", false },
        { ";", false },
        { "application/offset", false },
        { "application/offset+octet-streams", false },
        { "application/octet-stream", false },
        { "application/offset+octet-stream, text/plain", false },
        { "text/plain; a=application/offset+octet-stream", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (media_type_is(bytes_of_text(cases[i].value), "application/offset+octet-stream") !=
            cases[i].is)
            fail_msg("%s: %s", cases[i].is ? "refused" : "accepted", cases[i].value);
    assert_false(media_type_is(bytes_of(NULL, 0), "text/plain"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(compares_the_type_alone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
