#include "tools/ferry/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/base64.h"

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

const char *metadata_find(const struct metadata *metadata, const char *key)
{
    for (size_t i = 0; i < metadata->count; i++)
        if (strcmp(metadata->pairs[i].key, key) == 0)
            return metadata->pairs[i].value;
    return NULL;
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
