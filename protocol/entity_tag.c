#include "protocol/entity_tag.h"

/* "etagc = %x21 / %x23-7E / obs-text"  — RFC 9110, 8.8.3 */
static bool etagc(uint8_t byte)
{
    return byte == 0x21 || (byte >= 0x23 && byte <= 0x7e) || byte >= 0x80;
}

/* "entity-tag = [ weak ] opaque-tag; weak = %s"W/"; opaque-tag = DQUOTE *etagc DQUOTE"
 *  — RFC 9110, 8.8.3 */
static bool entity_tag_take(struct bytes *text, struct entity_tag *ret_tag)
{
    struct bytes rest = *text;
    bool weak = bytes_start_with(rest, "W/");

    if (weak)
        rest = bytes_after(rest, 2);
    if (rest.count == 0 || rest.data[0] != '"')
        return false;

    size_t count = 1;
    while (count < rest.count && etagc(rest.data[count]))
        count++;
    if (count == rest.count || rest.data[count] != '"')
        return false;

    count++;
    *ret_tag = (struct entity_tag){ .weak = weak, .opaque = bytes_of(rest.data, count) };
    *text = bytes_after(rest, count);
    return true;
}

bool entity_tag_parse(struct bytes text, struct entity_tag *ret_tag)
{
    struct entity_tag tag;

    if (!entity_tag_take(&text, &tag) || text.count > 0)
        return false;
    *ret_tag = tag;
    return true;
}

bool entity_tag_equal_strongly(struct entity_tag one, struct entity_tag other)
{
    return !one.weak && !other.weak && bytes_equal(one.opaque, other.opaque);
}

bool entity_tag_equal_weakly(struct entity_tag one, struct entity_tag other)
{
    return bytes_equal(one.opaque, other.opaque);
}

static void separators_skip(struct bytes *list, bool *ret_comma)
{
    while (list->count > 0 &&
           (list->data[0] == ' ' || list->data[0] == '\t' || list->data[0] == ',')) {
        *ret_comma = *ret_comma || list->data[0] == ',';
        *list = bytes_after(*list, 1);
    }
}

bool entity_tag_next(struct bytes *list, struct entity_tag *ret_tag)
{
    bool before = false, behind = false;

    separators_skip(list, &before);
    if (!entity_tag_take(list, ret_tag))
        return false;

    separators_skip(list, &behind);
    return behind || list->count == 0;
}
