#include "digest/digest_algorithm.h"

#include "tests/check.h"

static void every_algorithm_has_a_name_and_a_length(void **state)
{
    (void)state;
    for (int i = DIGEST_NONE + 1; i < DIGEST_ALGORITHM_COUNT; i++) {
        enum digest_algorithm algorithm = DIGEST_NONE;
        const char *name = digest_algorithm_name((enum digest_algorithm)i);
        assert_true(digest_algorithm_parse(bytes_of_text(name), &algorithm));
        assert_int_equal(algorithm, i);
        assert_in_range(digest_algorithm_bytes(algorithm), 4, DIGEST_BYTES_MAX);
    }
    assert_int_equal(digest_algorithm_bytes(DIGEST_NONE), 0);
}

static void other_names_are_no_algorithms(void **state)
{
    static const char *const names[] = { "", "none", "SHA1", "sha-256", "sha", "sha2566", "crc32c" };
    enum digest_algorithm algorithm = DIGEST_MD5;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(digest_algorithm_parse(bytes_of_text(names[i]), &algorithm));
    assert_int_equal(algorithm, DIGEST_MD5);
}

static void values_are_equal_in_algorithm_and_bytes(void **state)
{
    const struct digest_value one = { .algorithm = DIGEST_CRC32, .bytes = { 1, 2, 3, 4 } };
    struct digest_value other = one;

    (void)state;
    assert_true(digest_value_equal(&one, &other));
    other.bytes[3] = 5;
    assert_false(digest_value_equal(&one, &other));
    other = one;
    other.algorithm = DIGEST_SHA1;
    assert_false(digest_value_equal(&one, &other));
    assert_int_equal(digest_value_bytes(&one).count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_has_a_name_and_a_length),
        cmocka_unit_test(other_names_are_no_algorithms),
        cmocka_unit_test(values_are_equal_in_algorithm_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
