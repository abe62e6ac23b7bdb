#include "protocol/media_type.h"

#include "protocol/message.h"

bool media_type_is(struct bytes value, const char *type)
{
    const uint8_t *parameters = value.count == 0 ? NULL : memchr(value.data, ';', value.count);

    if (parameters != NULL)
        value.count = (size_t)(parameters - value.data);
    return bytes_equal_nocase(field_trim(value), type);
}

/* What stands before the byte, or all of it when it does not come. */
static struct bytes piece_take(struct bytes *text, uint8_t byte)
{
    const uint8_t *end = text->count == 0 ? NULL : memchr(text->data, byte, text->count);
    struct bytes piece =
        bytes_of(text->data, end == NULL ? text->count : (size_t)(end - text->data));

    *text = bytes_after(*text, end == NULL ? piece.count : piece.count + 1);
    return piece;
}

static void blanks_skip(struct bytes *text)
{
    while (text->count > 0 && (text->data[0] == ' ' || text->data[0] == '\t'))
        *text = bytes_after(*text, 1);
}

/* "quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE"  — RFC 9110, 5.6.4; here in ASCII
 * alone, and without quoted-pair, which no media type needs. */
static bool quoted_take(struct bytes *text)
{
    size_t count = 1;

    while (count < text->count && text->data[count] >= ' ' && text->data[count] < 0x7f &&
           text->data[count] != '"' && text->data[count] != '\\')
        count++;
    if (count >= text->count || text->data[count] != '"')
        return false;
    *text = bytes_after(*text, count + 1);
    return true;
}

static bool token_take(struct bytes *text)
{
    size_t count = 0;

    while (count < text->count && token_valid(bytes_of(text->data + count, 1)))
        count++;
    *text = bytes_after(*text, count);
    return count > 0;
}

/* "parameter = parameter-name "=" parameter-value"  — RFC 9110, 5.6.6 */
static bool parameter_take(struct bytes *text)
{
    if (!token_take(text) || text->count < 2 || text->data[0] != '=')
        return false;
    *text = bytes_after(*text, 1);
    return text->data[0] == '"' ? quoted_take(text) : token_take(text);
}

/* "parameters = *( OWS ";" OWS [ parameter ] )"  — RFC 9110, 5.6.6 */
static bool parameters_valid(struct bytes text)
{
    while (text.count > 0) {
        blanks_skip(&text);
        if (text.count == 0 || text.data[0] != ';')
            return false;
        text = bytes_after(text, 1);
        blanks_skip(&text);
        if (text.count > 0 && text.data[0] != ';' && !parameter_take(&text))
            return false;
    }
    return true;
}

bool media_type_valid(struct bytes value)
{
    /* "media-type = type "/" subtype parameters"  — RFC 9110, 8.3.1 */
    struct bytes type = piece_take(&value, '/');

    return token_valid(type) && token_take(&value) && parameters_valid(value);
}

bool media_type_inert(struct bytes value)
{
    static const char *const inert[] = {
        "audio/aac",  "audio/flac", "audio/mp4",  "audio/mpeg", "audio/ogg",       "audio/wav",
        "audio/webm", "image/avif", "image/gif",  "image/jpeg", "image/png",       "image/webp",
        "text/plain", "video/mp4",  "video/mpeg", "video/ogg",  "video/quicktime", "video/webm",
    };

    for (size_t i = 0; i < sizeof(inert) / sizeof(inert[0]); i++)
        if (media_type_is(value, inert[i]))
            return true;
    return false;
}
