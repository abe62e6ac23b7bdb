/* A key that is accepted stands in the message, is as long as it has to be, and is accepted again. */

#include "protocol/idempotency_key.h"

#include <assert.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

static void accepted_again(struct bytes key)
{
    char value[IDEMPOTENCY_KEY_BYTES_MAX + 3];
    struct field field = { .name = bytes_of_text("Idempotency-Key") };
    const struct message message = { .fields = &field, .field_count = 1 };
    struct bytes again;

    (void)snprintf(value, sizeof(value), "\"%.*s\"", BYTES_ARGUMENT(key));
    field.value = bytes_of_text(value);
    assert(idempotency_key_field(&message, &again) == 0);
    assert(bytes_equal(again, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_text text;
    struct bytes key = bytes_of_text("untouched");

    message_text_fields(bytes_of(data, size), &text);
    size_t fields = message_field_count(&text.message, "Idempotency-Key");
    int r = idempotency_key_field(&text.message, &key);
    assert(r >= 0);
    if (r != 0) {
        assert(fields > 0 && bytes_equal_text(key, "untouched"));
    } else if (fields == 0) {
        assert(key.count == 0);
    } else {
        assert(fields == 1);
        assert(key.count >= IDEMPOTENCY_KEY_BYTES_MIN && key.count <= IDEMPOTENCY_KEY_BYTES_MAX);
        assert(key.data > data && key.data + key.count < data + size);
        accepted_again(key);
    }
    return 0;
}
