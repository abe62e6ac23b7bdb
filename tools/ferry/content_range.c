#include "tools/ferry/content_range.h"

#include <string.h>

#include "base/number.h"

/* A number and the byte behind it, taken off the text. */
static bool position_take(struct bytes *text, char behind, uint64_t *ret_position)
{
    const uint8_t *end = text->count == 0 ? NULL : memchr(text->data, behind, text->count);
    size_t count = end == NULL ? 0 : (size_t)(end - text->data);

    if (!number_parse(bytes_of(text->data, count), INT64_MAX, ret_position))
        return false;
    *text = bytes_after(*text, count + 1);
    return true;
}

bool content_range_parse(struct bytes value, struct content_range *ret_range)
{
    static const char unit[] = "bytes ";
    struct content_range range = { 0 };

    if (value.count < strlen(unit) || !bytes_equal_nocase(bytes_of(value.data, strlen(unit)), unit))
        return false;
    value = bytes_after(value, strlen(unit));
    if (!position_take(&value, '-', &range.first) || !position_take(&value, '/', &range.last))
        return false;
    range.size_known = !bytes_equal_text(value, "*");
    if (range.size_known && !number_parse(value, INT64_MAX, &range.size))
        return false;

    /* "A Content-Range field value is invalid if it contains a range-resp that has a last-pos value less than its
     *  first-pos value, or a complete-length value less than or equal to its last-pos value."  — RFC 9110, 14.4 */
    if (range.last < range.first || (range.size_known && range.size <= range.last))
        return false;
    *ret_range = range;
    return true;
}
