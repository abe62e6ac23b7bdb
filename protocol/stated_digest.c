#include "protocol/stated_digest.h"

#include "base/refusal.h"
#include "protocol/base64.h"
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

/* RFC 9651, 3.3.5: a byte sequence, ":" base64 ":", then parameters perhaps. */
static bool sequence_value(struct bytes text, struct digest_value *ret_value)
{
    struct digest_value value = { .algorithm = DIGEST_SHA256 };
    size_t count = 0;

    const uint8_t *parameters = text.count == 0 ? NULL : memchr(text.data, ';', text.count);
    if (parameters != NULL)
        text = field_trim(bytes_of(text.data, (size_t)(parameters - text.data)));
    if (text.count < 2 || text.data[0] != ':' || text.data[text.count - 1] != ':')
        return false;
    struct bytes base64 = bytes_of(text.data + 1, text.count - 2);
    if (!base64_decode(base64, value.bytes, sizeof(value.bytes), &count) ||
        count != digest_algorithm_bytes(DIGEST_SHA256))
        return false;

    *ret_value = value;
    return true;
}

/* RFC 9530, 3, in one line of the field: a dictionary of algorithms. "A recipient MAY ignore any or
 * all of the representation digests"; those of algorithms that are unknown here are. */
static int stated_in_list(struct bytes list, struct digest_value *stated)
{
    static const char key[] = "sha-256=";
    struct digest_value value;

    while (list.count > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.count);
        size_t count = comma == NULL ? list.count : (size_t)(comma - list.data);
        struct bytes member = field_trim(bytes_of(list.data, count));

        list = bytes_after(list, comma == NULL ? count : count + 1);
        if (!bytes_start_with(member, key))
            continue;
        if (!sequence_value(bytes_after(member, strlen(key)), &value))
            return REFUSED_DIGEST_SYNTAX;
        int r = stated_add(stated, &value);
        if (r != 0)
            return r;
    }
    return 0;
}

int stated_digest_parse(const struct message *message, struct bytes metadata,
                        struct digest_value *ret_stated)
{
    struct digest_value stated = { .algorithm = DIGEST_NONE };

    int r = stated_in_metadata(metadata, &stated);
    for (size_t i = 0; i < message->field_count && r == 0; i++)
        if (bytes_equal_nocase(message->fields[i].name, "Repr-Digest"))
            r = stated_in_list(message->fields[i].value, &stated);
    if (r != 0)
        return r;

    *ret_stated = stated;
    return 0;
}
