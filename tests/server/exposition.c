#include "server/exposition.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

struct page {
    char *text;
    size_t count;
    struct exposition exposition;
};

static struct page *page_open(void)
{
    static struct page page;

    page = (struct page){ 0 };
    page.exposition.out = open_memstream(&page.text, &page.count);
    assert_non_null(page.exposition.out);
    return &page;
}

static void page_expect(struct page *page, const char *text)
{
    assert_int_equal(fclose(page->exposition.out), 0);
    assert_string_equal(page->text, text);
    free(page->text);
}

static void writes_samples_of_a_family(void **state)
{
    struct page *page = page_open();

    (void)state;
    exposition_family(&page->exposition, "a_total", "counter", "Some.");
    exposition_number(&page->exposition, UINT64_MAX, NULL, NULL);
    exposition_number(&page->exposition, 0, "kind", "x");
    exposition_number_by(&page->exposition, 7, "kind", "x", "way", "y");
    page_expect(page, "# HELP a_total Some.\n# TYPE a_total counter\n"
                      "a_total 18446744073709551615\na_total{kind=\"x\"} 0\n"
                      "a_total{kind=\"x\",way=\"y\"} 7\n");
}

static void writes_seconds_with_all_their_digits(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        { 0, "s 0\n" },
        { 1, "s 0.000000001\n" },
        { 100000, "s 0.0001\n" },
        { 2500000000, "s 2.5\n" },
        { 60000000000, "s 60\n" },
        { UINT64_MAX, "s 18446744073.709551615\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct page *page = page_open();
        page->exposition.family = "s";
        exposition_seconds(&page->exposition, cases[i].ns, NULL, NULL);
        page_expect(page, cases[i].text);
    }
}

static void adds_up_the_buckets_of_a_histogram(void **state)
{
    static const struct histogram_bounds bounds = { .count = 2, .at = { 1, 4 } };
    struct histogram histogram;
    struct page *page = page_open();

    (void)state;
    histogram_init(&histogram, &bounds);
    for (uint64_t i = 0; i < 7; i++)
        histogram_add(&histogram, i);
    struct histogram_reading reading = histogram_read(&histogram);
    page->exposition.family = "h";
    exposition_histogram(&page->exposition, &reading, NULL, NULL);
    exposition_histogram(&page->exposition, &reading, "pool", "io");
    page_expect(page, "h_bucket{le=\"1\"} 2\nh_bucket{le=\"4\"} 5\nh_bucket{le=\"+Inf\"} 7\n"
                      "h_sum 21\nh_count 7\n"
                      "h_bucket{pool=\"io\",le=\"1\"} 2\nh_bucket{pool=\"io\",le=\"4\"} 5\n"
                      "h_bucket{pool=\"io\",le=\"+Inf\"} 7\nh_sum{pool=\"io\"} 21\nh_count{pool=\"io\"} 7\n");
}

static void writes_times_in_seconds(void **state)
{
    struct histogram histogram;
    struct page *page = page_open();

    (void)state;
    histogram_init(&histogram, &HISTOGRAM_TIMES);
    histogram_add(&histogram, 2000000);
    struct histogram_reading reading = histogram_read(&histogram);
    page->exposition.family = "h";
    exposition_histogram(&page->exposition, &reading, NULL, NULL);
    (void)fflush(page->exposition.out);
    assert_non_null(strstr(page->text, "h_bucket{le=\"0.001\"} 0\nh_bucket{le=\"0.0025\"} 1\n"));
    assert_non_null(strstr(page->text, "h_bucket{le=\"60\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 0.002\n"));
    assert_int_equal(fclose(page->exposition.out), 0);
    free(page->text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_samples_of_a_family),
        cmocka_unit_test(writes_seconds_with_all_their_digits),
        cmocka_unit_test(adds_up_the_buckets_of_a_histogram),
        cmocka_unit_test(writes_times_in_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
