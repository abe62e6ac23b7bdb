#include "protocol/problem.h"

#include <string.h>

#include "tests/check.h"

#define TYPE "{\"type\":\"https://iana.org/assignments/http-problem-types#"

static void writes_the_examples_of_the_draft(void **state)
{
    char text[PROBLEM_BYTES];

    (void)state;
    problem_format(PROBLEM_MISMATCHING_OFFSET, 12500000, 25000000, text);
    assert_string_equal(text, TYPE
                        "mismatching-upload-offset\",\"title\":\"offset from request does "
                        "not match offset of resource\",\"expected-offset\":12500000,"
                        "\"provided-offset\":25000000}");
    problem_format(PROBLEM_INCONSISTENT_LENGTH, 1, 2, text);
    assert_string_equal(text, TYPE
                        "inconsistent-upload-length\",\"title\":\"inconsistent length "
                        "values for upload\"}");
    problem_format(PROBLEM_COMPLETED, 1, 2, text);
    assert_string_equal(text, TYPE "completed-upload\",\"title\":\"upload is already completed\"}");
}

static void has_room_for_the_largest_numbers(void **state)
{
    char text[PROBLEM_BYTES];

    (void)state;
    problem_format(PROBLEM_MISMATCHING_OFFSET, UINT64_MAX, UINT64_MAX, text);
    assert_true(text[strlen(text) - 1] == '}');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_examples_of_the_draft),
        cmocka_unit_test(has_room_for_the_largest_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
