#include "protocol/listing_query.h"

#include <stdio.h>

#include "base/refusal.h"
#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct listing_query read(const char *text)
{
    struct listing_query query;

    assert_int_equal(listing_query_parse(bytes_of_text(text), &query), 0);
    return query;
}

static void nothing_asks_for_the_newest_hundred(void **state)
{
    struct listing_query query = read("");

    (void)state;
    assert_int_equal(query.state, LISTING_ALL);
    assert_int_equal(query.limit, 100);
    assert_false(query.older_known || query.newer_known || query.key_known || query.cursor_known);
}

static void reads_each_key_in_any_order(void **state)
{
    struct listing_query query = read(
        "cursor=00000000000000ff000000000000000A&limit=1000&metadata=a%3Ab:c%20+%2f&newer=0"
        "&older=4000000000&state=damaged");

    (void)state;
    assert_int_equal(query.state, LISTING_DAMAGED);
    assert_int_equal(query.limit, 1000);
    assert_true(query.older_known && query.older_s == 4000000000);
    assert_true(query.newer_known && query.newer_s == 0);
    assert_true(query.key_known && query.value_known);
    assert_true(bytes_equal_text(bytes_of(query.metadata, query.key_count), "a:b"));
    assert_true(
        bytes_equal_text(bytes_of(query.metadata + query.key_count, query.value_count), "c +/"));
    assert_true(query.cursor_known && query.cursor.high == 255 && query.cursor.low == 10);
}

static void a_value_may_be_empty_or_any(void **state)
{
    struct listing_query query = read("metadata=k:");

    (void)state;
    assert_true(query.value_known);
    assert_int_equal(query.value_count, 0);
    assert_false(read("metadata=k").value_known);
    query = read("metadata=k:a:b%00");
    assert_int_equal(query.value_count, 4);
    assert_memory_equal(query.metadata + 1, "a:b\0", 4);
}

static void a_cursor_comes_back_as_it_went(void **state)
{
    char text[LISTING_CURSOR_BYTES];
    char query[64];

    (void)state;
    listing_cursor_format((struct listing_cursor){ .high = INT64_MAX, .low = 1 }, text);
    (void)snprintf(query, sizeof(query), "cursor=%s", text);
    assert_int_equal(read(query).cursor.high, INT64_MAX);
    assert_int_equal(read(query).cursor.low, 1);
}

static void refuses_everything_else(void **state)
{
    static const struct {
        const char *query;
        int refusal;
    } cases[] = {
        { "x=1", REFUSED_QUERY },
        { "state", REFUSED_QUERY },
        { "&", REFUSED_QUERY },
        { "state=active&", REFUSED_QUERY },
        { "&state=active", REFUSED_QUERY },
        { "state=active&state=active", REFUSED_QUERY },
        { "State=active", REFUSED_QUERY },
        { "state=active;limit=1", REFUSED_STATE_FILTER },
        { "state=", REFUSED_STATE_FILTER },
        { "state=receiving", REFUSED_STATE_FILTER },
        { "state=Active", REFUSED_STATE_FILTER },
        { "state=%61ctive", REFUSED_STATE_FILTER },
        { "older=", REFUSED_AGE_FILTER },
        { "older=-1", REFUSED_AGE_FILTER },
        { "older=1.5", REFUSED_AGE_FILTER },
        { "newer=4000000001", REFUSED_AGE_FILTER },
        { "newer=99999999999999999999999", REFUSED_AGE_FILTER },
        { "metadata=", REFUSED_METADATA_FILTER },
        { "metadata=:a", REFUSED_METADATA_FILTER },
        { "metadata=%", REFUSED_METADATA_FILTER },
        { "metadata=%4", REFUSED_METADATA_FILTER },
        { "metadata=%4g", REFUSED_METADATA_FILTER },
        { "metadata=a:%zz", REFUSED_METADATA_FILTER },
        { "limit=", REFUSED_LIMIT },
        { "limit=0", REFUSED_LIMIT },
        { "limit=1001", REFUSED_LIMIT },
        { "limit=ten", REFUSED_LIMIT },
        { "cursor=", REFUSED_CURSOR },
        { "cursor=1", REFUSED_CURSOR },
        { "cursor=00000000000000010000000000000000", REFUSED_CURSOR },
        { "cursor=80000000000000000000000000000001", REFUSED_CURSOR },
        { "cursor=0000000000000001ffffffffffffffff", REFUSED_CURSOR },
        { "cursor=000000000000000100000000000000012", REFUSED_CURSOR },
        { "cursor=0000000000000001000000000000000g", REFUSED_CURSOR },
    };
    struct listing_query query;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (listing_query_parse(bytes_of_text(cases[i].query), &query) != cases[i].refusal)
            fail_msg("not refused as it should be: %s", cases[i].query);
}

static void metadata_has_a_bound(void **state)
{
    static char text[LISTING_METADATA_BYTES + 32];
    struct listing_query query;

    (void)state;
    (void)snprintf(text, sizeof(text), "metadata=%0*d", LISTING_METADATA_BYTES, 0);
    assert_int_equal(listing_query_parse(bytes_of_text(text), &query), 0);
    (void)snprintf(text, sizeof(text), "metadata=%0*d:1", LISTING_METADATA_BYTES, 0);
    assert_int_equal(listing_query_parse(bytes_of_text(text), &query), REFUSED_METADATA_FILTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asks_for_the_newest_hundred),
        cmocka_unit_test(reads_each_key_in_any_order),
        cmocka_unit_test(a_value_may_be_empty_or_any),
        cmocka_unit_test(a_cursor_comes_back_as_it_went),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(metadata_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
