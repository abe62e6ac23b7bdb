#include "tools/ferry/metadata.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* no NUL behind it */
static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Writes the Base64 text, 4 characters for 3 bytes begun, and no NUL. */
static char *base64_format(const char *value, size_t count, char *out)
{
    const uint8_t *bytes = (const uint8_t *)value;

    for (size_t i = 0; i < count; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16;
        if (i + 1 < count)
            bits |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < count)
            bits |= bytes[i + 2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = (char)(i + 1 < count ? alphabet[bits >> 6 & 63] : '=');
        *out++ = (char)(i + 2 < count ? alphabet[bits & 63] : '=');
    }
    return out;
}

/* The bytes, NUL behind them; NULL for what is not Base64. */
static char *base64_parse(const char *text, size_t count, size_t *ret_count)
{
    size_t digits = count;
    uint32_t bits = 0;
    size_t used = 0;

    while (digits > 0 && count - digits < 2 && text[digits - 1] == '=')
        digits--;
    char *value = count % 4 == 0 ? malloc(count / 4 * 3 + 1) : NULL;
    if (value == NULL)
        return NULL;

    for (size_t i = 0; i < digits; i++) {
        const char *digit = memchr(alphabet, text[i], sizeof(alphabet));
        if (digit == NULL) {
            free(value);
            return NULL;
        }
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        if (i % 4 != 0)
            value[used++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    value[used] = '\0';
    *ret_count = used;
    return value;
}

void metadata_done(struct metadata *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        free(metadata->pairs[i].key);
        free(metadata->pairs[i].value);
    }
    metadata->count = 0;
}

/* Takes key and value, also when it cannot keep them. */
static bool metadata_add(struct metadata *metadata, char *key, char *value, size_t value_count)
{
    size_t i = 0;

    while (i < metadata->count && key != NULL && strcmp(metadata->pairs[i].key, key) != 0)
        i++;
    if (key == NULL || value == NULL || i == METADATA_PAIRS_MAX) {
        free(key);
        free(value);
        return false;
    }
    if (i < metadata->count) {
        free(metadata->pairs[i].key);
        free(metadata->pairs[i].value);
    } else {
        metadata->count++;
    }
    metadata->pairs[i] = (struct metadata_pair){ key, value, value_count };
    return true;
}

bool metadata_set(struct metadata *metadata, const char *key, const char *value)
{
    if (*key == '\0')
        return false;
    for (const char *letter = key; *letter != '\0'; letter++)
        if (*letter <= ' ' || *letter > '~' || *letter == ',')
            return false;
    return metadata_add(metadata, strdup(key), strdup(value), strlen(value));
}

char *metadata_format(const struct metadata *metadata)
{
    size_t size = 1;

    for (size_t i = 0; i < metadata->count; i++)
        size += strlen(metadata->pairs[i].key) + 2 + (metadata->pairs[i].value_count + 2) / 3 * 4;
    char *header = size <= METADATA_HEADER_BYTES_MAX ? malloc(size) : NULL;
    if (header == NULL)
        return NULL;

    char *out = header;
    for (size_t i = 0; i < metadata->count; i++) {
        const struct metadata_pair *pair = &metadata->pairs[i];
        if (i > 0)
            *out++ = ',';
        out = stpcpy(out, pair->key);
        if (pair->value_count > 0)
            *out++ = ' ';
        out = base64_format(pair->value, pair->value_count, out);
    }
    *out = '\0';
    return header;
}

static void metadata_parse_pair(const char *pair, size_t count, struct metadata *metadata)
{
    while (count > 0 && *pair == ' ')
        pair++, count--;

    const char *space = memchr(pair, ' ', count);
    size_t key_count = space == NULL ? count : (size_t)(space - pair);
    const char *value = pair + key_count;
    size_t rest = count - key_count;
    size_t value_count = 0;

    while (rest > 0 && *value == ' ')
        value++, rest--;
    while (rest > 0 && value[rest - 1] == ' ')
        rest--;
    char *bytes = base64_parse(value, rest, &value_count);
    if (key_count == 0 || bytes == NULL)
        free(bytes);
    else
        (void)metadata_add(metadata, strndup(pair, key_count), bytes, value_count);
}

void metadata_parse(const char *header, struct metadata *ret_metadata)
{
    ret_metadata->count = 0;
    while (*header != '\0') {
        size_t count = strcspn(header, ",");
        metadata_parse_pair(header, count, ret_metadata);
        header += count + (header[count] == ',');
    }
}
