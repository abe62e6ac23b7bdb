#pragma once

/*
 * Upload-Metadata
 *
 * "The Upload-Metadata request and response header MUST consist of one or more comma-separated
 *  key-value pairs. The key and value MUST be separated by a space. The key MUST NOT contain
 *  spaces and commas and MUST NOT be empty. The key SHOULD be ASCII encoded and the value MUST be
 *  Base64 encoded. All keys MUST be unique."  - tus 1.0.0, Creation
 *
 *   Ownership  texts are copied
 */

#include <stdbool.h>
#include <stddef.h>

enum {
    METADATA_PAIRS_MAX = 64,
    METADATA_HEADER_BYTES_MAX = 8 * 1024,
};

struct metadata_pair {
    char *key, *value; /* the value may hold any bytes, value_count of them; a NUL follows */
    size_t value_count;
};

struct metadata {
    struct metadata_pair pairs[METADATA_PAIRS_MAX];
    size_t count;
};

void metadata_done(struct metadata *metadata);

/* Adds a pair or replaces its value. False for a key that tus does not allow, or too many. */
bool metadata_set(struct metadata *metadata, const char *key, const char *value);

/* The key's value; NULL: there is no such key. */
const char *metadata_find(const struct metadata *metadata, const char *key);

/* "filename dmlkZW8ubXA0,draft"; NULL beyond METADATA_HEADER_BYTES_MAX; free() it. */
char *metadata_format(const struct metadata *metadata);

/*
 * Reads a server's header. Pairs that are no pairs, or whose value is not Base64, are left out:
 * there is nobody to be told.
 */
void metadata_parse(const char *header, struct metadata *ret_metadata);
