#include "protocol/upload_metadata.h"

#include "base/refusal.h"
#include "protocol/base64.h"
#include "protocol/message.h"

/* "The Upload-Metadata request and response header MUST consist of one or more comma-separated
 *  key-value pairs. The key and value MUST be separated by a space. [...] The value MAY be empty.
 *  In these cases, the space, which would normally separate the key and the value, MAY be left
 *  out."
 *  — tus, Upload-Metadata */
bool upload_metadata_next(struct bytes *rest, struct upload_metadata_pair *ret_pair)
{
    if (rest->count == 0)
        return false;

    const uint8_t *comma = memchr(rest->data, ',', rest->count);
    size_t count = comma == NULL ? rest->count : (size_t)(comma - rest->data);
    struct bytes pair = field_trim(bytes_of(rest->data, count));
    *rest = bytes_after(*rest, comma == NULL ? count : count + 1);

    const uint8_t *space = pair.count == 0 ? NULL : memchr(pair.data, ' ', pair.count);
    size_t key_count = space == NULL ? pair.count : (size_t)(space - pair.data);
    ret_pair->key = bytes_of(pair.data, key_count);
    ret_pair->value = bytes_after(pair, space == NULL ? key_count : key_count + 1);
    return true;
}

static bool pair_valid(const struct upload_metadata_pair *pair)
{
    size_t count;

    /* "The key MUST NOT contain spaces and commas and MUST NOT be empty. The key SHOULD be ASCII
     *  encoded and the value MUST be Base64 encoded."  — tus, Upload-Metadata */
    return pair->key.count > 0 && memchr(pair->key.data, '\t', pair->key.count) == NULL &&
           field_value_valid(pair->key) && base64_count(pair->value, &count);
}

int upload_metadata_check(struct bytes value)
{
    struct bytes keys[UPLOAD_METADATA_PAIRS_MAX];
    size_t key_count = 0;
    struct upload_metadata_pair pair;

    /* A comma at the very end has an empty pair behind it, which the walk does not see. */
    if (value.count > 0 && value.data[value.count - 1] == ',')
        return REFUSED_METADATA_SYNTAX;

    while (upload_metadata_next(&value, &pair)) {
        if (!pair_valid(&pair) || key_count == UPLOAD_METADATA_PAIRS_MAX)
            return REFUSED_METADATA_SYNTAX;

        /* "All keys MUST be unique."  — tus, Upload-Metadata */
        for (size_t i = 0; i < key_count; i++)
            if (bytes_equal(keys[i], pair.key))
                return REFUSED_METADATA_SYNTAX;
        keys[key_count++] = pair.key;
    }
    return 0;
}

bool upload_metadata_find(struct bytes value, const char *key, uint8_t *ret_data, size_t room,
                          size_t *ret_count)
{
    struct upload_metadata_pair pair;

    while (upload_metadata_next(&value, &pair))
        if (bytes_equal_text(pair.key, key))
            return base64_decode(pair.value, ret_data, room, ret_count);
    return false;
}
