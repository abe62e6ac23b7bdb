#include "protocol/idempotency_key.h"

#include "base/refusal.h"
#include "protocol/structured_field.h"

int idempotency_key_field(const struct message *message, struct bytes *ret_key)
{
    struct structured_value value;

    if (message_field_count(message, "Idempotency-Key") == 0) {
        *ret_key = bytes_of(NULL, 0);
        return 0;
    }

    /* "Idempotency-Key is an Item Structured Header. Its value MUST be a String."
     *  — draft, Idempotency-Key */
    if (!structured_item_field(message, "Idempotency-Key", &value) ||
        value.kind != STRUCTURED_STRING)
        return REFUSED_KEY_SYNTAX;

    struct bytes key = bytes_of(value.text.data + 1, value.text.count - 2);
    if (key.count < IDEMPOTENCY_KEY_BYTES_MIN || key.count > IDEMPOTENCY_KEY_BYTES_MAX)
        return REFUSED_KEY_SYNTAX;

    *ret_key = key;
    return 0;
}
