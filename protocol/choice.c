#include "protocol/choice.h"

#include "protocol/media_type.h"

/* RFC 9651, 4.2.8: a boolean, "?0" or "?1", then parameters perhaps. */
static bool says_boolean(const struct message *message, const char *name)
{
    struct bytes value;

    if (!message_field(message, name, &value) || value.count < 2)
        return false;
    return value.data[0] == '?' && (value.data[1] == '0' || value.data[1] == '1') &&
           (value.count == 2 || value.data[2] == ';');
}

enum protocol protocol_choose(const struct message *message)
{
    struct bytes value;

    /* tus 1.0.0, "Tus-Resumable": "The Tus-Resumable header MUST be included in every request and
     * response except for OPTIONS requests." No other protocol has it. */
    if (message_field(message, "Tus-Resumable", &value))
        return PROTOCOL_TUS;

    /* A client of the later RFC will send no version, and Upload-Complete that is no boolean makes
     * a plain request: it does not mark one that can be resumed. */
    if (message_field(message, "Upload-Draft-Interop-Version", &value) ||
        says_boolean(message, "Upload-Complete") || says_boolean(message, "Upload-Incomplete") ||
        (message_field(message, "Content-Type", &value) &&
         media_type_is(value, "application/partial-upload")))
        return PROTOCOL_IETF;

    return PROTOCOL_NONE;
}
