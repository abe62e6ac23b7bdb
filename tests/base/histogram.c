#include "base/histogram.h"

#include <pthread.h>

#include "tests/check.h"

static void counts_each_value_below_the_first_bound_that_it_does_not_exceed(void **state)
{
    struct histogram histogram;

    (void)state;
    histogram_init(&histogram, &HISTOGRAM_SIZES);
    for (uint64_t value = 0; value <= 5; value++)
        histogram_add(&histogram, value);
    histogram_add(&histogram, 1024);
    histogram_add(&histogram, 1025);

    struct histogram_reading reading = histogram_read(&histogram);
    assert_int_equal(reading.counts[0], 2); /* 0, 1 */
    assert_int_equal(reading.counts[1], 1); /* 2 */
    assert_int_equal(reading.counts[2], 2); /* 3, 4 */
    assert_int_equal(reading.counts[3], 1); /* 5 */
    assert_int_equal(reading.counts[10], 1);
    assert_int_equal(reading.counts[11], 1);
    assert_int_equal(reading.sum, 15 + 1024 + 1025);
}

static void has_bounds_that_go_upwards(void **state)
{
    static const struct histogram_bounds *const all[] = { &HISTOGRAM_SIZES, &HISTOGRAM_TIMES };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_in_range(all[i]->count, 1, HISTOGRAM_BOUNDS_MAX);
        for (size_t k = 1; k < all[i]->count; k++)
            assert_true(all[i]->at[k] > all[i]->at[k - 1]);
    }
}

enum {
    THREADS = 4,
    EACH = 10000
};

static void *add_many(void *argument)
{
    for (uint64_t i = 0; i < EACH; i++)
        histogram_add(argument, i % 3);
    return NULL;
}

static void loses_nothing_between_threads(void **state)
{
    struct histogram histogram;
    pthread_t threads[THREADS];
    uint64_t total = 0;

    (void)state;
    histogram_init(&histogram, &HISTOGRAM_SIZES);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &histogram), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);

    struct histogram_reading reading = histogram_read(&histogram);
    for (size_t i = 0; i <= HISTOGRAM_SIZES.count; i++)
        total += reading.counts[i];
    assert_int_equal(total, THREADS * EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_each_value_below_the_first_bound_that_it_does_not_exceed),
        cmocka_unit_test(has_bounds_that_go_upwards),
        cmocka_unit_test(loses_nothing_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
