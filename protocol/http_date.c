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

/* The first day of 1970 was a Thursday. */
static const char weekdays[7][10] = { "Thursday", "Friday",  "Saturday", "Sunday",
                                      "Monday",   "Tuesday", "Wednesday" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

void http_date_format(int64_t seconds, char text[static HTTP_DATE_BYTES])
{
    seconds = within_the_form(seconds);
    unsigned days = (unsigned)(seconds / 86400);
    unsigned second = (unsigned)(seconds % 86400);
    struct date date = date_of(days);
    (void)snprintf(text, HTTP_DATE_BYTES, "%.3s, %02u %s %04u %02u:%02u:%02u GMT",
                   weekdays[days % 7], date.day % 100, months[date.month], date.year % 10000,
                   second / 3600 % 100, second / 60 % 60, second % 60);
}

/* The inverse of date_of(). */
static int64_t days_of(struct date date)
{
    unsigned year = date.month < 2 ? date.year - 1 : date.year;
    unsigned month_from_march = (date.month + 10) % 12;
    unsigned days = year * 365 + year / 4 - year / 100 + year / 400 +
                    (153 * month_from_march + 2) / 5 + date.day - 1;
    return (int64_t)days - 719468;
}

static bool date_exists(struct date date)
{
    static const unsigned days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    unsigned last = days[date.month] + (date.month == 1 && leap);

    return date.year > 0 && date.day >= 1 && date.day <= last;
}

/* What a pattern finds in a text: see pattern_step(). */
struct date_parts {
    unsigned weekday; /* nobody needs it */
    bool two_digit_year;
    struct date date;
    unsigned hour, minute, second;
};

static bool digits_take(struct bytes *text, size_t count, unsigned *ret_number)
{
    unsigned number = 0;

    if (text->count < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        number = number * 10 + (unsigned)(text->data[i] - '0');
    }
    *text = bytes_after(*text, count);
    *ret_number = number;
    return true;
}

/* Which of so many names, each of which begins at a multiple of step, stands at the beginning.
 * Case counts: "HTTP-date is case sensitive"  — RFC 9110, 5.6.7 */
static bool name_take(struct bytes *text, const char *names, size_t step, size_t count,
                      size_t letters, unsigned *ret_index)
{
    for (unsigned i = 0; i < count; i++) {
        const char *name = names + i * step;
        size_t its_letters = letters > 0 ? letters : strlen(name);

        if (text->count >= its_letters && memcmp(text->data, name, its_letters) == 0) {
            *text = bytes_after(*text, its_letters);
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* asctime(3) puts a blank before a day of one digit. */
static bool padded_day_take(struct bytes *text, unsigned *ret_day)
{
    if (text->count == 0 || text->data[0] != ' ')
        return digits_take(text, 2, ret_day);
    *text = bytes_after(*text, 1);
    return digits_take(text, 1, ret_day);
}

/* One letter of a pattern: what it stands for, or itself. */
static bool pattern_step(char letter, struct bytes *text, struct date_parts *parts)
{
    switch (letter) {
    case 'w': return name_take(text, weekdays[0], sizeof(weekdays[0]), 7, 3, &parts->weekday);
    case 'W': return name_take(text, weekdays[0], sizeof(weekdays[0]), 7, 0, &parts->weekday);
    case 'm': return name_take(text, months[0], sizeof(months[0]), 12, 3, &parts->date.month);
    case 'd': return digits_take(text, 2, &parts->date.day);
    case 'e': return padded_day_take(text, &parts->date.day);
    case 'Y': return digits_take(text, 4, &parts->date.year);
    case 'y': parts->two_digit_year = true; return digits_take(text, 2, &parts->date.year);
    case 'h': return digits_take(text, 2, &parts->hour);
    case 'i': return digits_take(text, 2, &parts->minute);
    case 's': return digits_take(text, 2, &parts->second);
    default:
        if (text->count == 0 || text->data[0] != (uint8_t)letter)
            return false;
        *text = bytes_after(*text, 1);
        return true;
    }
}

static bool pattern_read(const char *pattern, struct bytes text, struct date_parts *ret_parts)
{
    *ret_parts = (struct date_parts){ 0 };
    for (; *pattern != '\0'; pattern++)
        if (!pattern_step(*pattern, &text, ret_parts))
            return false;
    return text.count == 0;
}

/* "Recipients of a timestamp value in rfc850-date format, which uses a two-digit year, MUST
 *  interpret a timestamp that appears to be more than 50 years in the future as representing the
 *  most recent year in the past that had the same last two digits."  — RFC 9110, 5.6.7 */
static unsigned year_of_century(unsigned two_digits, int64_t now)
{
    unsigned this_year = date_of((unsigned)(now / 86400)).year;
    unsigned year = this_year / 100 * 100 + two_digits;

    return year > this_year + 50 ? year - 100 : year;
}

bool http_date_parse(struct bytes text, int64_t now, int64_t *ret_seconds)
{
    struct date_parts parts;

    /* "A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date
     *  formats."  — RFC 9110, 5.6.7 */
    if (!pattern_read("w, d m Y h:i:s GMT", text, &parts) &&
        !pattern_read("W, d-m-y h:i:s GMT", text, &parts) &&
        !pattern_read("w m e h:i:s Y", text, &parts))
        return false;
    if (parts.two_digit_year)
        parts.date.year = year_of_century(parts.date.year, now);
    if (!date_exists(parts.date) || parts.hour > 23 || parts.minute > 59 || parts.second > 60)
        return false;

    *ret_seconds = days_of(parts.date) * 86400 + parts.hour * INT64_C(3600) +
                   parts.minute * INT64_C(60) + parts.second;
    return true;
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
