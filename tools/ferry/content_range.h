#pragma once

/*
 * Content-Range: which part of a file an answer has
 *
 *     bytes 100-199/200
 *
 * A star in place of the size: it is not known.
 *
 *   Shape   values only
 *   Source  RFC 9110, 14.4
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct content_range {
    uint64_t first, last; /* of its bytes */
    bool size_known;      /* of the whole file */
    uint64_t size;
};

/* False, and nothing is changed, for all else than a part that there can be. */
bool content_range_parse(struct bytes value, struct content_range *ret_range);
