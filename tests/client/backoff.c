#include "tools/ferry/backoff.h"

#include "tests/check.h"

static const uint32_t none = 0;
static const uint32_t full = UINT32_MAX;

static void doubles_up_to_the_maximum(void **state)
{
    static const uint64_t expected[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
    struct backoff backoff = { .first_ms = 1000 };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        uint64_t wait_ms = 0;
        assert_true(backoff_failure(&backoff, i * 100000, none, 0, &wait_ms));
        assert_int_equal(wait_ms, expected[i]);
    }
}

static void leaves_half_of_the_wait_to_chance(void **state)
{
    struct backoff backoff = { .first_ms = 1000 };
    uint64_t wait_ms = 0;

    (void)state;
    assert_true(backoff_failure(&backoff, 0, full, 0, &wait_ms));
    assert_int_equal(wait_ms, 500);
    assert_true(backoff_failure(&backoff, 0, full / 2, 0, &wait_ms));
    assert_in_range(wait_ms, 1500, 1501);
}

static void waits_as_long_as_the_server_asks(void **state)
{
    struct backoff backoff = { .first_ms = 1000 };
    uint64_t wait_ms = 0;

    (void)state;
    assert_true(backoff_failure(&backoff, 0, none, 120000, &wait_ms));
    assert_int_equal(wait_ms, 120000);
    assert_true(backoff_failure(&backoff, 0, none, 1, &wait_ms));
    assert_int_equal(wait_ms, 2000);
}

static void gives_up_after_the_patience_and_not_before_a_last_try(void **state)
{
    struct backoff backoff = { .first_ms = 1000, .patience_ms = 5000 };
    uint64_t wait_ms = 77;

    (void)state;
    assert_true(backoff_failure(&backoff, 10000, none, 0, &wait_ms));
    assert_true(backoff_failure(&backoff, 11000, none, 0, &wait_ms));
    assert_true(backoff_failure(&backoff, 14500, none, 0, &wait_ms));
    assert_int_equal(wait_ms, 500); /* the last try is at the very end */
    assert_false(backoff_failure(&backoff, 15000, none, 0, &wait_ms));
    assert_int_equal(wait_ms, 500);
}

static void gives_up_at_once_when_the_server_asks_for_more_than_that(void **state)
{
    struct backoff backoff = { .first_ms = 1000, .patience_ms = 5000 };
    uint64_t wait_ms = 77;

    (void)state;
    assert_false(backoff_failure(&backoff, 0, none, 5001, &wait_ms));
    assert_int_equal(wait_ms, 77);
}

static void progress_begins_it_all_again(void **state)
{
    struct backoff backoff = { .first_ms = 1000, .patience_ms = 5000 };
    uint64_t wait_ms = 0;

    (void)state;
    assert_true(backoff_failure(&backoff, 0, none, 0, &wait_ms));
    assert_true(backoff_failure(&backoff, 4000, none, 0, &wait_ms));
    backoff_progress(&backoff);
    assert_true(backoff_failure(&backoff, 1000000, none, 0, &wait_ms));
    assert_int_equal(wait_ms, 1000);
}

static void never_gives_up_without_patience_to_lose(void **state)
{
    struct backoff backoff = { .first_ms = 1 };
    uint64_t wait_ms = 0;

    (void)state;
    for (uint64_t now_ms = 0; now_ms < 1ULL << 50; now_ms = now_ms * 2 + 1)
        assert_true(backoff_failure(&backoff, now_ms, full, 0, &wait_ms));
    assert_int_equal(wait_ms, BACKOFF_MAXIMUM_MS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_maximum),
        cmocka_unit_test(leaves_half_of_the_wait_to_chance),
        cmocka_unit_test(waits_as_long_as_the_server_asks),
        cmocka_unit_test(gives_up_after_the_patience_and_not_before_a_last_try),
        cmocka_unit_test(gives_up_at_once_when_the_server_asks_for_more_than_that),
        cmocka_unit_test(progress_begins_it_all_again),
        cmocka_unit_test(never_gives_up_without_patience_to_lose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
