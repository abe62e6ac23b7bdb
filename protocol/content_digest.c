#include "protocol/content_digest.h"

#include <assert.h>
#include <stdio.h>

#include "base/refusal.h"
#include "protocol/base64.h"
#include "protocol/structured_field.h"

static const struct {
    enum digest_algorithm algorithm;
    const char *key;
} table[CONTENT_DIGESTS_MAX] = {
    { DIGEST_SHA256, "sha-256" },
    { DIGEST_SHA512, "sha-512" },
};

static const char *algorithm_key(enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < CONTENT_DIGESTS_MAX; i++)
        if (table[i].algorithm == algorithm)
            return table[i].key;
    return NULL;
}

/* "The Content-Digest field ... is a Dictionary where each: key conveys the hashing algorithm used to
 *  compute the digest; value is a Byte Sequence that conveys an encoded version of the byte output
 *  produced by the digest calculation."  — RFC 9530, 2 */
static bool digest_read(const struct structured_value *value, enum digest_algorithm algorithm,
                        struct digest_value *ret_digest)
{
    struct digest_value digest = { .algorithm = algorithm };
    size_t count = 0;

    if (value->kind != STRUCTURED_BYTES ||
        !structured_bytes_decode(value, digest.bytes, sizeof(digest.bytes), &count) ||
        count != digest_algorithm_bytes(algorithm))
        return false;
    *ret_digest = digest;
    return true;
}

int content_digests_field(const struct message *message, const char *name,
                          struct content_digests *ret_digests)
{
    struct content_digests digests = { 0 };

    if (message_field_count(message, name) > 0 && !structured_dictionary_field_valid(message, name))
        return REFUSED_DIGEST_FIELD;
    for (size_t i = 0; i < CONTENT_DIGESTS_MAX; i++) {
        struct structured_value value;

        if (!structured_dictionary_field_find(message, name, table[i].key, &value))
            continue;
        if (!digest_read(&value, table[i].algorithm, &digests.values[digests.count]))
            return REFUSED_DIGEST_FIELD;
        digests.count++;
    }
    *ret_digests = digests;
    return 0;
}

bool content_digest_wanted(const struct message *message, const char *name,
                           enum digest_algorithm algorithm)
{
    const char *key = algorithm_key(algorithm);
    struct structured_value value;

    /* "value is an Integer that conveys an ascending, relative, weighted preference. It must be in
     *  the range 0 to 10 inclusive. 1 is the least preferred, 10 is the most preferred, and a value
     *  of 0 means 'not acceptable'."  — RFC 9530, 4 */
    return key != NULL && structured_dictionary_field_find(message, name, key, &value) &&
           value.kind == STRUCTURED_INTEGER && value.integer > 0 && value.integer <= 10;
}

void content_digest_format(const struct digest_value *digest,
                           char text[static CONTENT_DIGEST_BYTES])
{
    char base64[BASE64_TEXT_BYTES(DIGEST_BYTES_MAX) + 1] = { 0 };
    const char *key = algorithm_key(digest->algorithm);

    assert(key != NULL);
    base64_encode(digest_value_bytes(digest), base64);
    (void)snprintf(text, CONTENT_DIGEST_BYTES, "%s=:%s:", key, base64);
}
