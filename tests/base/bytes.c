#include "base/bytes.h"

#include "tests/check.h"

static void compares_by_content(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_of("ab", 2), bytes_of("abc", 2)));
    assert_false(bytes_equal(bytes_of("ab", 2), bytes_of("abc", 3)));
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_of("x", 0)));
    assert_true(bytes_equal_text(bytes_of("close, x", 5), "close"));
    assert_false(bytes_equal_text(bytes_of("clos", 4), "close"));
    assert_true(bytes_equal_nocase(bytes_of_text("Keep-Alive"), "keep-alive"));
    assert_false(bytes_equal_nocase(bytes_of_text("Keep-Alive"), "keep-alivf"));
    assert_true(bytes_equal_nocase(bytes_of(NULL, 0), ""));
}

static void compares_the_beginning(void **state)
{
    (void)state;
    assert_true(bytes_start_with(bytes_of_text("/files/x"), "/files/"));
    assert_false(bytes_start_with(bytes_of_text("/file"), "/files/"));
    assert_true(bytes_equal_text(bytes_after(bytes_of_text("/files/x"), 7), "x"));
    assert_true(bytes_after(bytes_of_text("x"), 1).count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_by_content),
        cmocka_unit_test(compares_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
