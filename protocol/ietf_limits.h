#pragma once

/*
 * The limits of a server, as Upload-Limit announces them
 *
 *   Units    bytes; 0: there is no such limit
 *   Source   draft-ietf-httpbis-resumable-upload, "Upload-Limit"
 */

#include <stdint.h>

#include "protocol/ietf_version.h"

struct ietf_limits {
    uint64_t max_size, min_size; /* of an upload */
    uint64_t max_append_size;    /* of the content of one request */
    uint64_t min_append_size;    /* of one that does not complete the upload, and of a creation only
                                  * when it has any content */
};

enum {
    IETF_LIMITS_BYTES = 192,   /* room for all of them, terminated */
    IETF_LIFETIME_ENDLESS = -1 /* nothing expires */
};

/* The longest upload that is taken: the limit, and never more than can be said. */
uint64_t ietf_limits_longest(const struct ietf_limits *limits);

/*
 * The value of Upload-Limit: never empty. lifetime_s: how many seconds an upload is kept from now on.
 * "" for a version that does not know the field.
 */
void ietf_limits_format(const struct ietf_limits *limits, const struct ietf_version *version,
                        int64_t lifetime_s, char text[static IETF_LIMITS_BYTES]);
