#include "tools/ferry/age.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"

enum {
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    DAY_S = 24 * HOUR_S,
    WEEK_S = 7 * DAY_S,
    DAYS_SHOWN_MAX = 9999,
};

/* 0 for no unit of ours. */
static unsigned unit_seconds(const char *unit)
{
    if (*unit == '\0')
        return 1;
    if (unit[1] != '\0')
        return 0;
    switch (*unit) {
    case 's': return 1;
    case 'm': return MINUTE_S;
    case 'h': return HOUR_S;
    case 'd': return DAY_S;
    case 'w': return WEEK_S;
    default: return 0;
    }
}

bool age_parse(const char *text, uint64_t *ret_seconds)
{
    size_t digits = strspn(text, "0123456789");
    unsigned unit = unit_seconds(text + digits);
    uint64_t number = 0;

    if (unit == 0 || !number_parse(bytes_of(text, digits), INT64_MAX / WEEK_S, &number))
        return false;
    *ret_seconds = number * unit;
    return true;
}

void age_format(uint64_t seconds, char text[static AGE_TEXT_BYTES])
{
    static const struct {
        unsigned seconds;
        char letter;
    } units[] = { { DAY_S, 'd' }, { HOUR_S, 'h' }, { MINUTE_S, 'm' }, { 1, 's' } };
    size_t i = 0;

    while (units[i].seconds > 1 && seconds < 2ULL * units[i].seconds)
        i++;
    uint64_t count = seconds / units[i].seconds;
    if (count > DAYS_SHOWN_MAX)
        (void)snprintf(text, AGE_TEXT_BYTES, "long");
    else
        (void)snprintf(text, AGE_TEXT_BYTES, "%u%c", (unsigned)count, units[i].letter);
}
