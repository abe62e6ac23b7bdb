#include "protocol/tus_field.h"

#include "base/number.h"
#include "base/refusal.h"

int tus_offset_field(const struct message *message, uint64_t *ret_offset)
{
    const struct field *field;

    int r = message_field_once(message, "Upload-Offset", &field);
    if (r != 0)
        return r;

    /* "The Upload-Offset request and response header indicates a byte offset within a resource. The
     *  value MUST be a non-negative integer."  — tus, Upload-Offset */
    if (field == NULL || !number_parse(field->value, INT64_MAX, ret_offset))
        return REFUSED_OFFSET_SYNTAX;
    return 0;
}

int tus_length_field(const struct message *message, struct tus_length *ret_length)
{
    const struct field *field;
    struct tus_length length = { .known = true };

    int r = message_field_once(message, "Upload-Length", &field);
    if (r != 0)
        return r;
    if (field == NULL) {
        *ret_length = (struct tus_length){ .known = false };
        return 0;
    }

    /* "The Upload-Length request and response header indicates the size of the entire upload in
     *  bytes. The value MUST be a non-negative integer."  — tus, Upload-Length */
    if (!number_parse(field->value, INT64_MAX, &length.bytes))
        return REFUSED_LENGTH_SYNTAX;

    *ret_length = length;
    return 0;
}

int tus_defer_length_field(const struct message *message, bool *ret_deferred)
{
    const struct field *field;

    int r = message_field_once(message, "Upload-Defer-Length", &field);
    if (r != 0)
        return r;

    /* "If the Upload-Defer-Length header contains any other value than 1 the server should return a
     *  400 Bad Request status."  — tus, Creation, POST */
    if (field != NULL && !bytes_equal_text(field->value, "1"))
        return REFUSED_DEFER_SYNTAX;

    *ret_deferred = field != NULL;
    return 0;
}
