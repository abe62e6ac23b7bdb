#include "protocol/range.h"

#include <stdbool.h>

#include "protocol/message.h"

/* Digits from the beginning of the text, taken off it; what is beyond all bounds becomes the largest
 * number. "recipients MUST anticipate potentially large decimal numerals and prevent parsing errors
 * due to integer conversion overflows"  — RFC 9110, 14.1.2 */
static bool position_take(struct bytes *text, uint64_t *ret_position)
{
    uint64_t position = 0;
    size_t digits = 0;

    for (; digits < text->count && text->data[digits] >= '0' && text->data[digits] <= '9'; digits++)
        if (__builtin_mul_overflow(position, 10, &position) ||
            __builtin_add_overflow(position, text->data[digits] - (uint64_t)'0', &position))
            position = UINT64_MAX;
    if (digits == 0)
        return false;

    *text = bytes_after(*text, digits);
    *ret_position = position;
    return true;
}

/* One range-spec as it was sent. */
struct range_spec {
    bool suffix; /* last is the number of bytes at the end */
    uint64_t first, last;
};

/* "int-range = first-pos "-" [ last-pos ]" and "suffix-range = "-" suffix-length"  — RFC 9110,
 * 14.1.1 */
static bool spec_parse(struct bytes text, struct range_spec *ret_spec)
{
    struct range_spec spec = { .last = UINT64_MAX };

    spec.suffix = !position_take(&text, &spec.first);
    if (text.count == 0 || text.data[0] != '-')
        return false;
    text = bytes_after(text, 1);
    if (!position_take(&text, &spec.last) && spec.suffix)
        return false;
    *ret_spec = spec;

    /* "An int-range is invalid if the last-pos value is present and less than first-pos."
     *  — RFC 9110, 14.1.1 */
    return text.count == 0 && (spec.suffix || spec.last >= spec.first);
}

/* The only member of a list; false when there are several, or none. "A recipient MUST parse and
 * ignore a reasonable number of empty list elements"  — RFC 9110, 5.6.1.2 */
static bool list_only_member(struct bytes list, struct bytes *ret_member)
{
    struct bytes only = { 0 };

    for (bool more = true; more;) {
        const uint8_t *comma = list.count == 0 ? NULL : memchr(list.data, ',', list.count);
        size_t count = comma == NULL ? list.count : (size_t)(comma - list.data);
        struct bytes member = field_trim(bytes_of(list.data, count));

        if (member.count > 0 && only.count > 0)
            return false;
        if (member.count > 0)
            only = member;
        more = comma != NULL;
        if (more)
            list = bytes_after(list, count + 1);
    }
    *ret_member = only;
    return only.count > 0;
}

enum range_choice range_choose(struct bytes value, uint64_t length, struct range *ret_range)
{
    static const char unit[] = "bytes=";
    struct range_spec spec;
    struct bytes only;

    /* "An origin server MUST ignore a Range header field that contains a range unit it does not
     *  understand." "A server that supports range requests MAY ignore or reject a Range header
     *  field that contains an invalid ranges-specifier"; and "A server MAY ignore the Range
     *  header field."  — RFC 9110, 14.2 */
    if (value.count < strlen(unit) ||
        !bytes_equal_nocase(bytes_of(value.data, strlen(unit)), unit) ||
        !list_only_member(bytes_after(value, strlen(unit)), &only) || !spec_parse(only, &spec))
        return RANGE_WHOLE;

    if (spec.suffix) {
        /* RFC 9110, 14.1.2: the last no bytes cannot be had; of nothing, on the other hand, any number
         * of last bytes is all of it, and there is no part that a Content-Range could tell. */
        if (spec.last == 0)
            return RANGE_UNSATISFIABLE;
        if (length == 0)
            return RANGE_WHOLE;

        /* "If the selected representation is shorter than the specified suffix-length, the entire
         *  representation is used."  — RFC 9110, 14.1.2 */
        spec.first = spec.last < length ? length - spec.last : 0;
        spec.last = UINT64_MAX;
    }

    /* RFC 9110, 14.1.2: an int-range is satisfiable when it begins before the end. */
    if (spec.first >= length)
        return RANGE_UNSATISFIABLE;

    /* "if the value is greater than or equal to the current length of the representation data, the
     *  byte range is interpreted as the remainder of the representation"  — RFC 9110, 14.1.2 */
    uint64_t last = spec.last < length ? spec.last : length - 1;
    *ret_range = (struct range){ .first = spec.first, .count = last - spec.first + 1 };
    return RANGE_PART;
}
