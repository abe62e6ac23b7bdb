#include "protocol/http_date.h"

#include <stdio.h>

#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31 23:59:59 */

struct date {
    unsigned year, month, day; /* month 0 to 11 */
};

/* Counted from 1 March of the year 0: the leap day is then a year's last, and months from March on
 * have 153 days in every five. The calendar repeats every 400 years, which have 146097 days. */
static struct date date_of(unsigned days_since_1970)
{
    unsigned days = days_since_1970 + 719468;
    unsigned era = days / 146097;
    unsigned day_of_era = days % 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;

    return (struct date){
        .year = era * 400 + year_of_era + (month_from_march >= 10),
        .month = (month_from_march + 2) % 12,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
}

static int64_t within_the_form(int64_t seconds)
{
    if (seconds < 0)
        return 0;
    return seconds > LAST_SECOND ? LAST_SECOND : seconds;
}

void http_date_format(int64_t seconds, char text[static HTTP_DATE_BYTES])
{
    static const char weekdays[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

    seconds = within_the_form(seconds);
    unsigned days = (unsigned)(seconds / 86400);
    unsigned second = (unsigned)(seconds % 86400);
    struct date date = date_of(days);
    (void)snprintf(text, HTTP_DATE_BYTES, "%s, %02u %s %04u %02u:%02u:%02u GMT", weekdays[days % 7],
                   date.day % 100, months[date.month], date.year % 10000, second / 3600 % 100,
                   second / 60 % 60, second % 60);
}

void http_date_format_rfc3339(int64_t seconds, char text[static HTTP_DATE_RFC3339_BYTES])
{
    seconds = within_the_form(seconds);
    unsigned second = (unsigned)(seconds % 86400);
    struct date date = date_of((unsigned)(seconds / 86400));

    (void)snprintf(text, HTTP_DATE_RFC3339_BYTES, "%04u-%02u-%02uT%02u:%02u:%02uZ",
                   date.year % 10000, (date.month + 1) % 100, date.day % 100, second / 3600 % 100,
                   second / 60 % 60, second % 60);
}
