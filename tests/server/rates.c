#include "server/rates.h"

#include "tests/check.h"

static struct rates_sample at(uint64_t second, uint64_t bytes)
{
    return (struct rates_sample){ .at_ms = 5000 + second * 1000,
                                  .received_bytes = bytes,
                                  .acknowledged_bytes = bytes / 2,
                                  .requests = second };
}

static void nothing_is_known_before_the_first_second(void **state)
{
    struct rates rates;
    struct rates_sample now = at(1, 100);

    (void)state;
    rates_init(&rates);
    assert_true(rates_until(&rates, &now).received_bytes == 0);
    rates_keep(&rates, &now);
    assert_true(rates_until(&rates, &now).received_bytes == 0); /* no time has gone by */
    rates_done(&rates);
}

static void the_last_minute_counts_alone(void **state)
{
    struct rates rates;
    struct rates_sample sample;

    (void)state;
    rates_init(&rates);
    for (uint64_t second = 0; second <= 100; second++) { /* 1000 a second, then 10 */
        sample = at(second, second <= 40 ? second * 1000 : 40000 + (second - 40) * 10);
        rates_keep(&rates, &sample);
        if (second == 30)
            assert_true(rates_until(&rates, &sample).received_bytes == 1000);
    }
    sample = at(101, 40610);
    struct rates_per_s now = rates_until(&rates, &sample);
    assert_true(now.received_bytes == 10);
    assert_true(now.acknowledged_bytes == 5);
    assert_true(now.requests == 1);
    rates_done(&rates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_first_second),
        cmocka_unit_test(the_last_minute_counts_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
