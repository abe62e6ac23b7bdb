#pragma once

/*
 * Which uploads a list is to have: the query of GET /api/uploads
 *
 *     ?state=stalled&older=86400&metadata=filename:video.mp4&limit=100
 *
 * Percent-encoding is undone in the value of metadata, where a colon of the key needs it; a plus is a plus.
 *
 *   Source   RFC 3986, 3.4 (the query); spec/openapi.yaml
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    LISTING_LIMIT = 100, /* of uploads, where none is stated */
    LISTING_LIMIT_MAX = 1000,
    LISTING_METADATA_BYTES = 1024,
    LISTING_CURSOR_BYTES = 2 * 16 + 1, /* with the terminating zero */
};

enum listing_state {
    LISTING_ALL,
    LISTING_ACTIVE,
    LISTING_STALLED,
    LISTING_COMPLETE,
    LISTING_INVALIDATED,
    LISTING_DAMAGED,
};

/* Where a page begins; two numbers that mean nothing here. */
struct listing_cursor {
    uint64_t high, low;
};

struct listing_query {
    enum listing_state state;
    bool older_known, newer_known;
    uint64_t older_s, newer_s; /* since the creation: so long at least, at most */
    bool key_known, value_known;
    size_t key_count, value_count; /* of metadata: key, then value */
    uint8_t metadata[LISTING_METADATA_BYTES];
    unsigned limit;
    bool cursor_known;
    struct listing_cursor cursor;
};

/*
 * Refuses with REFUSED_QUERY what is unknown or stands twice, and with REFUSED_STATE_FILTER,
 * REFUSED_AGE_FILTER, REFUSED_METADATA_FILTER, REFUSED_LIMIT and REFUSED_CURSOR a value that is none.
 */
int listing_query_parse(struct bytes query, struct listing_query *ret_query);

void listing_cursor_format(struct listing_cursor cursor,
                           char ret_text[static LISTING_CURSOR_BYTES]);
