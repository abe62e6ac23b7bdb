#include "tools/ferry/size.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"

static const char units[] = "KMGTPE";

/* How often 1024 goes into the unit that the text names; -1 for no unit of ours. */
static int unit_parse(const char *text)
{
    if (*text == '\0')
        return 0;

    const char *unit = memchr(units, *text & ~0x20, 4); /* upper case */
    if (unit == NULL || (text[1] != '\0' && strcmp(text + 1, "iB") != 0))
        return -1;
    return (int)(unit - units) + 1;
}

bool size_parse(const char *text, uint64_t *ret_size)
{
    size_t digits = strspn(text, "0123456789");
    int power = unit_parse(text + digits);
    uint64_t number = 0;

    if (power < 0 || !number_parse(bytes_of(text, digits), INT64_MAX >> (10 * power), &number))
        return false;

    *ret_size = number << (10 * power);
    return true;
}

void size_format(uint64_t size, char text[static SIZE_TEXT_BYTES])
{
    int power = 0;

    /* 1023.95 would be printed as 1024.0: the next unit begins a little below 1024 */
    for (uint64_t rest = size; rest >= 1024 || (power > 0 && rest == 1023); rest /= 1024)
        power++;
    if (power == 0) {
        (void)snprintf(text, SIZE_TEXT_BYTES, "%u B", (unsigned)size);
        return;
    }
    double scaled = (double)size / (double)(1ULL << (10 * power));
    (void)snprintf(text, SIZE_TEXT_BYTES, "%.1f %ciB", scaled, units[power - 1]);
}
