#include "protocol/ietf_metadata.h"

#include <assert.h>

#include "protocol/base64.h"
#include "protocol/ietf_field.h"
#include "protocol/media_type.h"
#include "protocol/safe_text.h"
#include "protocol/upload_metadata.h"

enum {
    VALUE_BYTES = 192, /* of what is kept of one value, terminated */
};

static bool next_is(const struct bytes *rest, char character)
{
    return rest->count > 0 && rest->data[0] == (uint8_t)character;
}

static bool take(struct bytes *rest, char character)
{
    if (!next_is(rest, character))
        return false;
    *rest = bytes_after(*rest, 1);
    return true;
}

static void skip_white(struct bytes *rest)
{
    while (take(rest, ' ') || take(rest, '\t'))
        continue;
}

/* token = 1*tchar  — RFC 9110, 5.6.2 */
static bool token_take(struct bytes *rest, struct bytes *ret_token)
{
    size_t count = 0;

    while (count < rest->count && token_valid(bytes_of(rest->data, count + 1)))
        count++;
    *ret_token = bytes_of(rest->data, count);
    *rest = bytes_after(*rest, count);
    return count > 0;
}

/* Decoded text of a client's making; what finds no room is lost. */
struct text {
    uint8_t bytes[4 * VALUE_BYTES];
    size_t count;
};

static void text_put(struct text *text, uint8_t byte)
{
    if (text->count < sizeof(text->bytes))
        text->bytes[text->count++] = byte;
}

/* quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE  — RFC 9110, 5.6.4 */
static bool quoted_take(struct bytes *rest, struct text *text)
{
    text->count = 0;
    if (!take(rest, '"'))
        return false;
    while (!take(rest, '"')) {
        (void)take(rest, '\\');
        if (rest->count == 0)
            return false;
        text_put(text, rest->data[0]);
        *rest = bytes_after(*rest, 1);
    }
    return true;
}

static int hex_value(uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t lower = byte >= 'A' && byte <= 'F' ? (uint8_t)(byte | 0x20) : byte;
    const char *found = lower == 0 ? NULL : strchr(digits, lower);

    return found == NULL ? -1 : (int)(found - digits);
}

/* pct-encoded = "%" HEXDIG HEXDIG; behind the "%" */
static bool encoded_take(struct bytes *rest, uint8_t *ret_byte)
{
    int high = rest->count < 2 ? -1 : hex_value(rest->data[0]);
    int low = rest->count < 2 ? -1 : hex_value(rest->data[1]);
    if (high < 0 || low < 0)
        return false;

    *ret_byte = (uint8_t)(16 * high + low);
    *rest = bytes_after(*rest, 2);
    return true;
}

/* value-chars = *( pct-encoded / attr-char ) */
static bool value_characters_decode(struct bytes value, struct text *text)
{
    while (value.count > 0) {
        uint8_t byte = value.data[0];
        value = bytes_after(value, 1);
        if (byte == '%' && !encoded_take(&value, &byte))
            return false;
        text_put(text, byte);
    }
    return true;
}

/* ext-value = charset "'" [ language ] "'" value-chars  — RFC 8187, 3.2.1; the charset has to be UTF-8 */
static bool extended_decode(struct bytes value, struct text *text)
{
    text->count = 0;
    if (value.count < 6 || strncasecmp((const char *)value.data, "utf-8'", 6) != 0)
        return false;
    value = bytes_after(value, 6);
    while (value.count > 0 && value.data[0] != '\'')
        value = bytes_after(value, 1);
    return take(&value, '\'') && value_characters_decode(value, text);
}

/* disposition-parm = filename-parm | disp-ext-parm, each name "=" ( token / quoted-string )
 * — RFC 6266, 4.1. The name with the asterisk is the better one: "recipients SHOULD pick filename*". */
static bool parameter_take(struct bytes *rest, struct text *name, bool *extended)
{
    struct bytes key, value;
    struct text text = { .count = 0 };

    skip_white(rest);
    if (!token_take(rest, &key))
        return false;
    skip_white(rest);
    if (!take(rest, '='))
        return false;
    skip_white(rest);
    if (bytes_equal_nocase(key, "filename*")) {
        if (!token_take(rest, &value))
            return false;
        if (extended_decode(value, &text)) {
            *name = text;
            *extended = true;
        }
        return true;
    }
    if (!next_is(rest, '"')) {
        if (!token_take(rest, &value))
            return false;
        for (size_t i = 0; i < value.count; i++)
            text_put(&text, value.data[i]);
    } else if (!quoted_take(rest, &text)) {
        return false;
    }
    if (bytes_equal_nocase(key, "filename") && !*extended)
        *name = text;
    return true;
}

/* content-disposition = disposition-type *( ";" disposition-parm ) */
static bool disposition_name(struct bytes field, struct text *ret_name)
{
    struct text name = { .count = 0 };
    struct bytes type;
    bool extended = false;

    if (!token_take(&field, &type))
        return false;
    for (skip_white(&field); field.count > 0; skip_white(&field))
        if (!take(&field, ';') || !parameter_take(&field, &name, &extended))
            return false;
    *ret_name = name;
    return name.count > 0;
}

/* --- what is kept of it --- */

struct metadata {
    char *room;
    size_t count;
};

static void metadata_add(struct metadata *metadata, const char *key, const char *value)
{
    size_t length = strlen(value), name = strlen(key);

    if (length == 0)
        return;
    assert(metadata->count + name + 2 + BASE64_TEXT_BYTES(length) <= IETF_METADATA_BYTES);
    if (metadata->count > 0)
        metadata->room[metadata->count++] = ',';
    memcpy(metadata->room + metadata->count, key, name);
    metadata->count += name;
    metadata->room[metadata->count++] = ' ';
    base64_encode(bytes_of(value, length), metadata->room + metadata->count);
    metadata->count += BASE64_TEXT_BYTES(length);
}

static void metadata_add_field(struct metadata *metadata, const struct message *message,
                               const char *key, const char *name)
{
    char text[VALUE_BYTES];
    struct bytes value;

    if (message_field_count(message, name) != 1 || !message_field(message, name, &value) ||
        media_type_is(value, IETF_MEDIA_TYPE))
        return;
    (void)safe_text(value, text, sizeof(text));
    metadata_add(metadata, key, text);
}

static void metadata_add_name(struct metadata *metadata, const struct message *message)
{
    char text[VALUE_BYTES];
    struct text name = { .count = 0 };
    struct bytes value;

    if (message_field_count(message, "Content-Disposition") != 1 ||
        !message_field(message, "Content-Disposition", &value) || !disposition_name(value, &name))
        return;
    (void)safe_file_name(bytes_of(name.bytes, name.count), text, sizeof(text));
    metadata_add(metadata, "filename", text);
}

struct bytes ietf_metadata(const struct message *message, char room[static IETF_METADATA_BYTES])
{
    struct metadata metadata = { .room = room };
    struct bytes given;

    /* One deployed client sends it by either protocol. */
    if (message_field_count(message, "Upload-Metadata") == 1 &&
        message_field(message, "Upload-Metadata", &given) && upload_metadata_check(given) == 0)
        return given;

    metadata_add_name(&metadata, message);
    metadata_add_field(&metadata, message, "filetype", "Content-Type");
    metadata_add_field(&metadata, message, "encoding", "Content-Encoding");
    return bytes_of(room, metadata.count);
}
