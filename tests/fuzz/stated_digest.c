/*
 * A digest that is accepted can be stated in either way, and means the same again
 *
 * In the first line the metadata, then fields.
 */

#include "protocol/stated_digest.h"

#include <assert.h>
#include <stdio.h>

#include "protocol/base64.h"
#include "protocol/upload_metadata.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

static void same_in_metadata(const struct digest_value *stated)
{
    static const struct message none = { .field_count = 0 };
    char text[16 + 2 * DIGEST_BYTES_MAX];
    char metadata[8 + BASE64_TEXT_BYTES(sizeof(text))] = "digest ";
    struct digest_value again;

    int used = snprintf(text, sizeof(text), "%s:", digest_algorithm_name(stated->algorithm));
    for (size_t i = 0; i < digest_value_bytes(stated).count; i++)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%02x", stated->bytes[i]);
    base64_encode(bytes_of(text, (size_t)used), metadata + strlen(metadata));
    size_t count = strlen("digest ") + BASE64_TEXT_BYTES((size_t)used);

    assert(stated_digest_parse(&none, bytes_of(metadata, count), &again) == 0);
    assert(memcmp(&again, stated, sizeof(again)) == 0);
}

static void same_in_field(const struct digest_value *stated)
{
    char value[128] = "sha-256=:";
    struct digest_value again;

    if (stated->algorithm != DIGEST_SHA256)
        return;
    base64_encode(digest_value_bytes(stated), value + strlen(value));
    value[strlen("sha-256=:") + BASE64_TEXT_BYTES(32)] = ':';
    const struct field field = { bytes_of_text("Repr-Digest"), bytes_of_text(value) };
    const struct message message = { .fields = &field, .field_count = 1 };

    assert(stated_digest_parse(&message, bytes_of(NULL, 0), &again) == 0);
    assert(memcmp(&again, stated, sizeof(again)) == 0);
}

/* Where it is stated twice, it is the same one: either alone says no other. */
static void nothing_says_another(const struct message *message, struct bytes metadata,
                                 const struct digest_value *stated)
{
    static const struct message none = { .field_count = 0 };
    struct digest_value one, other;

    assert(stated_digest_parse(message, bytes_of(NULL, 0), &one) == 0);
    assert(stated_digest_parse(&none, metadata, &other) == 0);
    assert(one.algorithm == DIGEST_NONE || memcmp(&one, stated, sizeof(one)) == 0);
    assert(other.algorithm == DIGEST_NONE || memcmp(&other, stated, sizeof(other)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    struct message_text text;
    struct digest_value stated, before;

    if (size == 0)
        return 0;
    struct bytes metadata = message_text_cut(&input, '\n');
    message_text_fields(input, &text);
    memset(&stated, 0xa5, sizeof(stated));
    memset(&before, 0xa5, sizeof(before));
    if (upload_metadata_check(metadata) != 0)
        return 0;

    int r = stated_digest_parse(&text.message, metadata, &stated);
    if (r != 0) {
        assert(r > 0);
        assert(memcmp(&stated, &before, sizeof(stated)) == 0);
        return 0;
    }
    nothing_says_another(&text.message, metadata, &stated);
    if (stated.algorithm == DIGEST_NONE)
        return 0;
    same_in_metadata(&stated);
    same_in_field(&stated);
    return 0;
}
