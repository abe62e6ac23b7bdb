#include "tools/ferry/pace.h"

#include "tests/check.h"

static uint64_t taken_in(struct pace *pace, uint64_t ms, size_t wanted)
{
    uint64_t taken = 0;

    for (uint64_t now_ms = 1000; now_ms < 1000 + ms; now_ms++)
        taken += pace_take(pace, now_ms, wanted);
    return taken;
}

static void without_a_limit_everything_goes(void **state)
{
    struct pace pace = { 0 };

    (void)state;
    assert_int_equal(pace_take(&pace, 0, 123456), 123456);
}

static void holds_the_rate_for_slow_and_fast(void **state)
{
    static const uint64_t rates[] = { 1, 10, 1000, 100000, 1ULL << 30, 1ULL << 40 };

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct pace pace = { .bytes_per_s = rates[i] };
        uint64_t taken = taken_in(&pace, 10000, SIZE_MAX / 1024);
        assert_in_range(taken, rates[i] * 9, rates[i] * 11 + 1);
    }
}

static void does_not_save_up_for_a_burst(void **state)
{
    struct pace pace = { .bytes_per_s = 1000 };

    (void)state;
    assert_int_equal(pace_take(&pace, 1000000, 5000), 100);
    assert_int_equal(pace_take(&pace, 1000000, 5000), 0);
}

static void gives_no_more_than_wanted(void **state)
{
    struct pace pace = { .bytes_per_s = 1000 };

    (void)state;
    assert_int_equal(pace_take(&pace, 1000, 7), 7);
    assert_int_equal(pace_take(&pace, 1000, 200), 93);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_everything_goes),
        cmocka_unit_test(holds_the_rate_for_slow_and_fast),
        cmocka_unit_test(does_not_save_up_for_a_burst),
        cmocka_unit_test(gives_no_more_than_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
