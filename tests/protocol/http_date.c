#include "protocol/http_date.h"

#include <time.h>

#include "tests/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void writes_the_dates_of_the_specifications(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        { 1403712000, "Wed, 25 Jun 2014 16:00:00 GMT" }, /* tus 1.0.0, Expiration */
        { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },  /* RFC 9110, 5.6.7 */
        { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
        { 951782399, "Mon, 28 Feb 2000 23:59:59 GMT" },
        { 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
        { 4107542399, "Sun, 28 Feb 2100 23:59:59 GMT" },
        { 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT" },
        { 2147483648, "Tue, 19 Jan 2038 03:14:08 GMT" },
        { 253402300799, "Fri, 31 Dec 9999 23:59:59 GMT" },
        { INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT" },
        { -1, "Thu, 01 Jan 1970 00:00:00 GMT" },
        { INT64_MIN, "Thu, 01 Jan 1970 00:00:00 GMT" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[HTTP_DATE_BYTES];
        http_date_format(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void agrees_with_the_c_library_for_a_whole_cycle(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 146097; day++) {
        char text[HTTP_DATE_BYTES], expected[64];
        time_t seconds = day * 86400 + day * 7 % 86400;
        struct tm utc;

        http_date_format(seconds, text);
        assert_non_null(gmtime_r(&seconds, &utc));
        assert_int_equal(strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &utc),
                         HTTP_DATE_BYTES - 1);
        assert_string_equal(text, expected);
    }
}

static void writes_the_same_dates_for_json(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        { 482196050, "1985-04-12T23:20:50Z" }, /* RFC 3339, 5.8, without its fraction */
        { 0, "1970-01-01T00:00:00Z" },          { 951782400, "2000-02-29T00:00:00Z" },
        { 2147483648, "2038-01-19T03:14:08Z" }, { 253402300799, "9999-12-31T23:59:59Z" },
        { INT64_MAX, "9999-12-31T23:59:59Z" },  { -1, "1970-01-01T00:00:00Z" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[HTTP_DATE_RFC3339_BYTES];
        http_date_format_rfc3339(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void reads_all_three_forms(void **state)
{
    /* RFC 9110, 5.6.7 */
    static const char *const texts[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
                                         "Sunday, 06-Nov-94 08:49:37 GMT",
                                         "Sun Nov  6 08:49:37 1994" };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t seconds = 0;
        assert_true(http_date_parse(bytes_of_text(texts[i]), 1700000000, &seconds));
        assert_int_equal(seconds, 784111777);
    }
}

static void a_year_of_two_digits_is_not_far_in_the_future(void **state)
{
    static const struct {
        int64_t now;
        const char *text, *means;
    } cases[] = {
        { 784111777, "Sunday, 06-Nov-94 00:00:00 GMT", "Sun, 06 Nov 1994 00:00:00 GMT" },
        { 1700000000, "Thursday, 01-Jan-70 00:00:00 GMT", "Wed, 01 Jan 2070 00:00:00 GMT" },
        { 1700000000, "Sunday, 01-Jan-73 00:00:00 GMT", "Sun, 01 Jan 2073 00:00:00 GMT" },
        { 1700000000, "Tuesday, 01-Jan-74 00:00:00 GMT", "Tue, 01 Jan 1974 00:00:00 GMT" },
        { 1700000000, "Saturday, 01-Jan-00 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[HTTP_DATE_BYTES];
        int64_t seconds = 0;
        assert_true(http_date_parse(bytes_of_text(cases[i].text), cases[i].now, &seconds));
        http_date_format(seconds, text);
        assert_string_equal(text, cases[i].means);
    }
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    for (int64_t seconds = 0; seconds < 253402300799; seconds += 86400 * 30 + 3661) {
        char text[HTTP_DATE_BYTES];
        int64_t again = -1;
        http_date_format(seconds, text);
        assert_true(http_date_parse(bytes_of_text(text), 1700000000, &again));
        assert_int_equal(again, seconds);
    }
}

static void refuses_what_is_no_date(void **state)
{
    static const char *const texts[] = {
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Mon, 29 Feb 1900 00:00:00 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t seconds = 77;
        if (http_date_parse(bytes_of_text(texts[i]), 1700000000, &seconds))
            fail_msg("accepted: %s", texts[i]);
        assert_int_equal(seconds, 77);
    }
    assert_false(http_date_parse(bytes_of(NULL, 0), 0, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_dates_of_the_specifications),
        cmocka_unit_test(writes_the_same_dates_for_json),
        cmocka_unit_test(agrees_with_the_c_library_for_a_whole_cycle),
        cmocka_unit_test(reads_all_three_forms),
        cmocka_unit_test(a_year_of_two_digits_is_not_far_in_the_future),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(refuses_what_is_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
