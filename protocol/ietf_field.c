#include "protocol/ietf_field.h"

#include "base/refusal.h"
#include "protocol/structured_field.h"

/* "Its value is a non-negative Integer ... Other values MUST cause the entire header field to be
 *  ignored."  — draft, Offset; Length likewise */
static bool size_field(const struct message *message, const char *name, uint64_t *ret_size)
{
    struct structured_value value;

    if (!structured_item_field(message, name, &value) || value.kind != STRUCTURED_INTEGER ||
        value.integer < 0)
        return false;
    *ret_size = (uint64_t)value.integer;
    return true;
}

bool ietf_offset_field(const struct message *message, uint64_t *ret_offset)
{
    return size_field(message, "Upload-Offset", ret_offset);
}

struct ietf_length ietf_length_field(const struct message *message)
{
    struct ietf_length length = { 0 };

    length.known = size_field(message, "Upload-Length", &length.bytes);
    return length;
}

bool ietf_completeness_field(const struct message *message, const struct ietf_version *version,
                             bool *ret_complete)
{
    struct structured_value value;

    /* "Its value is a Boolean ... and indicates whether the upload is complete or not. Other values
     *  MUST cause the entire header field to be ignored."  — draft, Completeness */
    if (!structured_item_field(message, version->completeness_field, &value) ||
        value.kind != STRUCTURED_BOOLEAN)
        return false;
    *ret_complete = value.boolean == version->completeness_of_complete;
    return true;
}

int ietf_fields_check(const struct message *message, const struct ietf_version *version,
                      unsigned excluded)
{
    bool offset = message_field_count(message, "Upload-Offset") > 0;
    bool completeness = message_field_count(message, version->completeness_field) > 0;
    bool length = message_field_count(message, "Upload-Length") > 0;

    /* Drafts up to -05, Offset Retrieval and Upload Cancellation: such a request must not include
     * them, and has to be rejected with 400 if it does. */
    if ((offset && (excluded & IETF_FIELD_OFFSET) != 0) ||
        (completeness && (excluded & IETF_FIELD_COMPLETENESS) != 0) ||
        (length && (excluded & IETF_FIELD_LENGTH) != 0))
        return REFUSED_FIELD_EXCLUDED;
    return 0;
}
