#pragma once

/*
 * Upload-Metadata: what a client says about its file
 *
 *     filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential
 *
 * The value is kept and echoed byte for byte as it came. Who wants to know what is in it walks over
 * the pairs and decodes the one that matters.
 *
 *   Source     tus 1.0.0, "Upload-Metadata"
 *   Ownership  pairs borrow from the value
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    UPLOAD_METADATA_PAIRS_MAX = 128, /* comparing all keys must not keep a server's loop busy */
};

struct upload_metadata_pair {
    struct bytes key;
    struct bytes value; /* in base64, perhaps empty; see base64_decode() */
};

/*
 * Accepts a value that upload_metadata_next() takes apart completely, and an empty one: deployed
 * clients send that when they have nothing to say. Blanks around a comma are accepted, too.
 *
 * Refuses everything else with REFUSED_METADATA_SYNTAX: an empty key, one that stands twice, a
 * value that is not base64, more than UPLOAD_METADATA_PAIRS_MAX pairs.
 */
int upload_metadata_check(struct bytes value);

/*
 * The next pair of a value that was checked; rest begins as the whole value. False at its end.
 *
 *     for (struct bytes rest = metadata; upload_metadata_next(&rest, &pair);)
 */
bool upload_metadata_next(struct bytes *rest, struct upload_metadata_pair *ret_pair);

/*
 * Decodes what stands under the key. False, and everything untouched, when there is no such key or
 * it needs more room. The bytes are the client's: see safe_text.h before they go anywhere.
 */
bool upload_metadata_find(struct bytes value, const char *key, uint8_t *ret_data, size_t room,
                          size_t *ret_count);
