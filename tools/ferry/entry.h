#pragma once

/*
 * Entries: what a server tells of one upload, as its operator's lists show it
 *
 *   Units   bytes; seconds since 1970-01-01 UTC, 0: never
 *   Shape   values only; texts are clean for a terminal (text.h)
 *   Source  schema Status in spec/openapi.yaml
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ENTRY_ID_BYTES = 64,
    ENTRY_NAME_BYTES = 256,
    ENTRY_STATE_BYTES = 16,
};

struct entry {
    char id[ENTRY_ID_BYTES];
    char name[ENTRY_NAME_BYTES];   /* the metadata's filename, or the id */
    char state[ENTRY_STATE_BYTES]; /* active and stalled in place of receiving */
    uint64_t offset, length;
    bool length_known;
    int64_t created_s, last_byte_s, expires_s;
};

/* False for what is no upload. */
bool entry_read(const json_t *object, struct entry *ret_entry);
