#include "tools/ferry/field.h"

#include "base/number.h"

#define FIELD_INTEGER_MAX UINT64_C(999999999999999)

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

struct bytes field_trim(struct bytes text)
{
    while (text.count > 0 && is_space(text.data[0]))
        text = bytes_after(text, 1);
    while (text.count > 0 && is_space(text.data[text.count - 1]))
        text.count--;
    return text;
}

/* What is before the first such byte; all of it where there is none. */
static struct bytes field_until(struct bytes value, char end)
{
    const uint8_t *found = value.count == 0 ? NULL : memchr(value.data, end, value.count);
    return bytes_of(value.data, found == NULL ? value.count : (size_t)(found - value.data));
}

/* "parameters = *( ";" *SP parameter )" - RFC 9651, 3.1.2 */
static struct bytes field_item(struct bytes value)
{
    return field_trim(field_until(value, ';'));
}

bool field_integer(struct bytes value, uint64_t *ret_integer)
{
    return number_parse(field_item(value), FIELD_INTEGER_MAX, ret_integer);
}

bool field_boolean(struct bytes value, bool *ret_boolean)
{
    struct bytes item = field_item(value);

    *ret_boolean = bytes_equal_text(item, "?1");
    return *ret_boolean || bytes_equal_text(item, "?0");
}

bool field_member(struct bytes value, const char *key, uint64_t *ret_integer)
{
    while (value.count > 0) {
        struct bytes member = field_until(value, ',');
        struct bytes name = field_until(member, '=');
        value = bytes_after(value, member.count < value.count ? member.count + 1 : member.count);
        if (name.count < member.count && bytes_equal_text(field_trim(name), key))
            return field_integer(bytes_after(member, name.count + 1), ret_integer);
    }
    return false;
}
