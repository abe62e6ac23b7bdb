#include "protocol/tus_checksum.h"

#include "base/refusal.h"
#include "protocol/base64.h"

/* "The header MUST consist of the name of the used checksum algorithm and the Base64 encoded
 *  checksum separated by a space."  — tus, Upload-Checksum */
static int checksum_value(struct bytes text, struct digest_value *ret_value)
{
    struct digest_value value = { .algorithm = DIGEST_NONE };
    size_t count = 0;

    const uint8_t *space = text.count == 0 ? NULL : memchr(text.data, ' ', text.count);
    if (space == NULL)
        return REFUSED_CHECKSUM_SYNTAX;
    struct bytes name = bytes_of(text.data, (size_t)(space - text.data));
    struct bytes base64 = bytes_after(text, name.count + 1);

    /* "The names of the checksum algorithms MUST only consist of ASCII characters with the
     *  modification that uppercase characters are excluded."  — tus, Checksum. So "SHA1" is the name
     *  of none. */
    if (!digest_algorithm_parse(name, &value.algorithm))
        return REFUSED_CHECKSUM_ALGORITHM;
    if (!base64_decode(base64, value.bytes, sizeof(value.bytes), &count) ||
        count != digest_algorithm_bytes(value.algorithm))
        return REFUSED_CHECKSUM_SYNTAX;

    *ret_value = value;
    return 0;
}

static bool list_has(struct bytes list, const char *name)
{
    while (list.count > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.count);
        size_t count = comma == NULL ? list.count : (size_t)(comma - list.data);

        if (bytes_equal_nocase(field_trim(bytes_of(list.data, count)), name))
            return true;
        list = bytes_after(list, comma == NULL ? count : count + 1);
    }
    return false;
}

/* RFC 9110, 6.6.2:  Trailer = #field-name ; 5.3: several lines of a list are one list */
static bool trailer_announced(const struct message *message)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (bytes_equal_nocase(message->fields[i].name, "Trailer") &&
            list_has(message->fields[i].value, "Upload-Checksum"))
            return true;
    return false;
}

int tus_checksum_parse(const struct message *message, const struct framing *framing,
                       struct tus_checksum *ret_checksum)
{
    struct tus_checksum checksum = { .announced = trailer_announced(message) };
    const struct field *field;

    int r = message_field_once(message, "Upload-Checksum", &field);
    if (r == 0 && field != NULL) {
        r = checksum_value(field->value, &checksum.values[0]);
        checksum.count = 1;
    }
    if (r != 0)
        return r;

    /* "Following RFC 7230 they MUST be announced using the Trailer header and are only allowed in
     *  chunked transfers."  — tus, Checksum, of trailers */
    if (checksum.announced && !framing->chunked)
        return REFUSED_CHECKSUM_MISSING;

    *ret_checksum = checksum;
    return 0;
}

bool tus_checksum_expected(const struct tus_checksum *checksum)
{
    return checksum->announced || checksum->count > 0;
}

enum digest_algorithm tus_checksum_algorithm(const struct tus_checksum *checksum)
{
    return checksum->count > 0 ? checksum->values[0].algorithm : DIGEST_NONE;
}

int tus_checksum_complete(struct tus_checksum *checksum, const struct bytes *trailer)
{
    struct digest_value value;

    /* RFC 9110, 6.5.1, lets a recipient ignore trailers, and tus has them announced: for a body
     * that came without an announcement it is too late to be taken back. */
    if (!checksum->announced)
        return 0;
    if (trailer == NULL)
        return REFUSED_CHECKSUM_MISSING;

    int r = checksum_value(*trailer, &value);
    if (r != 0)
        return r;

    if (checksum->count > 0 && value.algorithm == checksum->values[0].algorithm)
        return digest_value_equal(&value, &checksum->values[0]) ? 0 : REFUSED_CHECKSUM_SYNTAX;
    checksum->values[checksum->count++] = value;
    return 0;
}
