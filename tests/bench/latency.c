#include "tools/ferry_bench/latency.h"

#include <string.h>

#include "tests/check.h"

static struct latency latency;

static int begin(void **state)
{
    (void)state;
    memset(&latency, 0, sizeof(latency));
    return 0;
}

static void knows_small_values_exactly(void **state)
{
    (void)state;
    for (uint64_t ns = 1; ns <= 100; ns++)
        latency_add(&latency, ns);

    assert_int_equal(latency_at(&latency, 0.5), 50);
    assert_int_equal(latency_at(&latency, 0.99), 99);
    assert_int_equal(latency_at(&latency, 1), 100);
    assert_int_equal(latency_mean(&latency), 50);
}

static void knows_all_others_to_within_a_64th(void **state)
{
    (void)state;
    for (uint64_t ns = 1; ns < UINT64_C(1) << 42; ns = ns * 3 / 2 + 1) {
        memset(&latency, 0, sizeof(latency));
        latency_add(&latency, ns);
        latency_add(&latency, UINT64_C(1) << 42); /* what is told is at most the most */
        assert_in_range(latency_at(&latency, 0.5), ns, ns + ns / 64);
    }
}

static void a_few_slow_ones_are_seen_far_out_only(void **state)
{
    (void)state;
    for (int i = 0; i < 999; i++)
        latency_add(&latency, 1000);
    latency_add(&latency, 1000000);

    assert_in_range(latency_at(&latency, 0.999), 1000, 1016);
    assert_int_equal(latency_at(&latency, 0.9991), 1000000);
    assert_int_equal(latency.most, 1000000);
}

static void takes_what_is_longer_than_it_can_tell(void **state)
{
    (void)state;
    latency_add(&latency, UINT64_MAX);
    latency_add(&latency, UINT64_MAX - 1);

    assert_int_equal(latency.count, 2);
    assert_int_equal(latency.most, UINT64_MAX);
    assert_int_equal(latency_at(&latency, 1), (UINT64_C(1) << 42) - 1); /* 73 minutes */
}

static void has_nothing_to_tell_at_first(void **state)
{
    (void)state;
    assert_int_equal(latency_at(&latency, 0.99), 0);
    assert_int_equal(latency_mean(&latency), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(knows_small_values_exactly, begin),
        cmocka_unit_test_setup(knows_all_others_to_within_a_64th, begin),
        cmocka_unit_test_setup(a_few_slow_ones_are_seen_far_out_only, begin),
        cmocka_unit_test_setup(takes_what_is_longer_than_it_can_tell, begin),
        cmocka_unit_test_setup(has_nothing_to_tell_at_first, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
