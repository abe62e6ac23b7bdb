/* A digest that is read is written as one that is read as the same. The input is fields in lines. */

#include "protocol/content_digest.h"

#include <assert.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

static void is_read_again(const struct digest_value *digest)
{
    char text[CONTENT_DIGEST_BYTES];
    struct content_digests again;

    content_digest_format(digest, text);
    const struct field field = { bytes_of_text("Repr-Digest"), bytes_of_text(text) };
    const struct message message = { .fields = &field, .field_count = 1 };
    assert(content_digests_field(&message, "Repr-Digest", &again) == 0);
    assert(again.count == 1);
    assert(again.values[0].algorithm == digest->algorithm);
    assert(bytes_equal(digest_value_bytes(&again.values[0]), digest_value_bytes(digest)));
}

/* It was named, and not with a weight of 0. */
static void is_wanted(const struct message *message)
{
    struct bytes value = { 0 };
    bool named = false;

    for (size_t i = 0; i < message->field_count; i++) {
        value = message->fields[i].value;
        named = named || memmem(value.data, value.count, "sha-256=", strlen("sha-256=")) != NULL;
    }
    assert(named && message_field(message, "Want-Repr-Digest", &value));
    assert(!bytes_equal_text(value, "sha-256=0") ||
           message_field_count(message, "Want-Repr-Digest") > 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_text text;
    struct content_digests digests = { .count = 77 };

    message_text_fields(bytes_of(data, size), &text);
    if (content_digest_wanted(&text.message, "Want-Repr-Digest", DIGEST_SHA256))
        is_wanted(&text.message);

    int r = content_digests_field(&text.message, "Content-Digest", &digests);
    assert(r >= 0);
    if (r != 0) {
        assert(digests.count == 77);
        return 0;
    }
    assert(digests.count <= CONTENT_DIGESTS_MAX);
    assert(digests.count < 2 || digests.values[0].algorithm != digests.values[1].algorithm);
    for (size_t i = 0; i < digests.count; i++)
        is_read_again(&digests.values[i]);
    return 0;
}
