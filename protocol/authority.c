#include "protocol/authority.h"

#include <stddef.h>
#include <stdint.h>

static bool digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool hex_digit(uint8_t byte)
{
    return digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* RFC 3986, 3.2.2:  reg-name = *( unreserved / pct-encoded / sub-delims ) */
static bool name_character(uint8_t byte)
{
    return digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte != 0 && strchr("-._~!$&'()*+;=", byte) != NULL);
}

/* How many bytes from the beginning may stand in a host; within brackets a colon may, too. */
static size_t host_count(struct bytes text, bool bracketed)
{
    size_t i = 0;

    while (i < text.count) {
        if (name_character(text.data[i]) || (bracketed && text.data[i] == ':'))
            i++;
        else if (text.data[i] == '%' && text.count - i > 2 && hex_digit(text.data[i + 1]) &&
                 hex_digit(text.data[i + 2]))
            i += 3;
        else
            break;
    }
    return i;
}

bool authority_valid(struct bytes authority)
{
    bool bracketed = authority.count > 0 && authority.data[0] == '[';
    struct bytes rest = bracketed ? bytes_after(authority, 1) : authority;

    size_t count = host_count(rest, bracketed);
    if (count == 0)
        return false;
    rest = bytes_after(rest, count);
    if (bracketed) {
        if (rest.count == 0 || rest.data[0] != ']')
            return false;
        rest = bytes_after(rest, 1);
    }
    if (rest.count == 0)
        return true;

    /* 3.2.3:  port = *DIGIT */
    if (rest.data[0] != ':')
        return false;
    for (size_t i = 1; i < rest.count; i++)
        if (!digit(rest.data[i]))
            return false;
    return true;
}
