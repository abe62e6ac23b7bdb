#include "protocol/request_id.h"

#include "tests/check.h"

static void accepts_what_others_make(void **state)
{
    static const char *const cases[] = {
        "a",
        "7b44e8a5f0a3c1d29e6b",
        "f058ebd6-02f7-4d3f-942e-904344e8cde5",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "Root=1-67891233-abcdef012345678912345678",
        "host/AbC+d~E_f=:1@x.y-000001",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(request_id_valid(bytes_of_text(cases[i])));
}

static void refuses_everything_else(void **state)
{
    static const char *const cases[] = { "",         " ",     "a b",      "a\tb", "a\nb",
                                         "a,b",      "a;b=c", "\"a\"",    "a\\b", "a%0a",
                                         "\xc3\xa9", "{a}",   "<script>", "a'b",  "\x7f" };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (request_id_valid(bytes_of_text(cases[i])))
            fail_msg("accepted: %s", cases[i]);
    assert_false(request_id_valid(bytes_of("a\0b", 3)));
}

static void has_a_bound(void **state)
{
    char id[REQUEST_ID_BYTES_MAX + 1];

    (void)state;
    memset(id, 'x', sizeof(id));
    assert_true(request_id_valid(bytes_of(id, REQUEST_ID_BYTES_MAX)));
    assert_false(request_id_valid(bytes_of(id, REQUEST_ID_BYTES_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_others_make),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
