#include "protocol/stated_digest.h"

#include "base/refusal.h"
#include "protocol/base64.h"
#include "protocol/structured_field.h"
#include "protocol/upload_metadata.h"

enum {
    /* "blake2b:" and two digits for each byte */
    TEXT_BYTES_MAX = 8 + 2 * DIGEST_BYTES_MAX,
};

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* Exactly count bytes. */
static bool hex_decode(struct bytes text, uint8_t *ret_data, size_t count)
{
    if (text.count != 2 * count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_data[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool hex_value(struct bytes text, struct digest_value *ret_value)
{
    struct digest_value value = { .algorithm = DIGEST_NONE };

    const uint8_t *colon = text.count == 0 ? NULL : memchr(text.data, ':', text.count);
    if (colon == NULL)
        return false;
    struct bytes name = bytes_of(text.data, (size_t)(colon - text.data));
    if (!bytes_equal_text(name, "blake2b") && !bytes_equal_text(name, "sha256"))
        return false;
    if (!digest_algorithm_parse(name, &value.algorithm) ||
        !hex_decode(bytes_after(text, name.count + 1), value.bytes,
                    digest_algorithm_bytes(value.algorithm)))
        return false;

    *ret_value = value;
    return true;
}

/* One more that is stated. */
static int stated_add(struct digest_value *stated, const struct digest_value *value)
{
    if (stated->algorithm != DIGEST_NONE && !digest_value_equal(stated, value))
        return REFUSED_DIGEST_SYNTAX;
    *stated = *value;
    return 0;
}

static int stated_in_metadata(struct bytes metadata, struct digest_value *stated)
{
    struct upload_metadata_pair pair;
    uint8_t text[TEXT_BYTES_MAX];
    struct digest_value value;
    size_t count = 0;

    while (upload_metadata_next(&metadata, &pair)) {
        if (!bytes_equal_text(pair.key, "digest"))
            continue;
        if (!base64_decode(pair.value, text, sizeof(text), &count) ||
            !hex_value(bytes_of(text, count), &value))
            return REFUSED_DIGEST_SYNTAX;
        return stated_add(stated, &value);
    }
    return 0;
}

/* RFC 9530, 3: "A recipient MAY ignore any or all of the representation digests"; those of algorithms
 * that are not kept here are. */
static int stated_in_field(const struct message *message, struct digest_value *stated)
{
    struct digest_value value = { .algorithm = DIGEST_SHA256 };
    struct structured_value member;
    size_t count = 0;

    if (message_field_count(message, "Repr-Digest") == 0)
        return 0;
    if (!structured_dictionary_field_valid(message, "Repr-Digest"))
        return REFUSED_DIGEST_SYNTAX;
    if (!structured_dictionary_field_find(message, "Repr-Digest", "sha-256", &member))
        return 0;
    if (member.kind != STRUCTURED_BYTES ||
        !structured_bytes_decode(&member, value.bytes, sizeof(value.bytes), &count) ||
        count != digest_algorithm_bytes(DIGEST_SHA256))
        return REFUSED_DIGEST_SYNTAX;
    return stated_add(stated, &value);
}

int stated_digest_parse(const struct message *message, struct bytes metadata,
                        struct digest_value *ret_stated)
{
    struct digest_value stated = { .algorithm = DIGEST_NONE };

    int r = stated_in_metadata(metadata, &stated);
    if (r == 0)
        r = stated_in_field(message, &stated);
    if (r != 0)
        return r;

    *ret_stated = stated;
    return 0;
}
