#include "protocol/origin.h"

#include <stdint.h>

#include "protocol/authority.h"

/* The next member, taken off the list; false when there is no more. */
static bool origin_next(struct bytes *list, struct bytes *ret_origin)
{
    size_t begin = 0, end;

    while (begin < list->count && strchr(", ", list->data[begin]) != NULL)
        begin++;
    for (end = begin; end < list->count && strchr(", ", list->data[end]) == NULL;)
        end++;
    *ret_origin = bytes_of(list->data + begin, end - begin);
    *list = bytes_after(*list, end);
    return end > begin;
}

/* RFC 3986, 3.1:  scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) */
static size_t scheme_count(struct bytes origin)
{
    size_t i = 0;

    for (; i < origin.count; i++) {
        uint8_t byte = origin.data[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bool more = (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.';
        if (!letter && !(more && i > 0))
            break;
    }
    return i;
}

static bool ends_with(struct bytes bytes, const char *text)
{
    size_t count = strlen(text);
    return bytes.count >= count && bytes_equal_text(bytes_after(bytes, bytes.count - count), text);
}

static bool origin_valid(struct bytes origin)
{
    size_t count = scheme_count(origin);
    struct bytes scheme = bytes_of(origin.data, count);
    struct bytes rest = bytes_after(origin, count);

    if (count == 0 || !bytes_start_with(rest, "://"))
        return false;
    rest = bytes_after(rest, strlen("://"));
    if (!authority_valid(rest) || ends_with(rest, ":") ||
        memchr(rest.data, '*', rest.count) != NULL)
        return false;
    return !(bytes_equal_nocase(scheme, "https") && ends_with(rest, ":443")) &&
           !(bytes_equal_nocase(scheme, "http") && ends_with(rest, ":80"));
}

bool origin_list_valid(struct bytes list)
{
    struct bytes origin;

    if (origin_list_has_all(list))
        return true;
    while (origin_next(&list, &origin))
        if (!origin_valid(origin))
            return false;
    return true;
}

bool origin_list_has_all(struct bytes list)
{
    return bytes_equal_text(list, "*");
}

bool origin_list_has(struct bytes list, struct bytes origin)
{
    struct bytes member;

    while (origin_next(&list, &member))
        if (member.count == origin.count &&
            strncasecmp((const char *)member.data, (const char *)origin.data, origin.count) == 0)
            return true;
    return false;
}
