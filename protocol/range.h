#pragma once

/*
 * Range: a part of the content
 *
 *   Units    bytes, from 0
 *   Several  a set of more than one range is not understood on purpose, and the whole content is
 *            sent: it would need multipart/byteranges, which no player and no resuming client asks
 *            for, and which is how servers were made to send a file many times over
 *   Source   RFC 9110, 14.1.2, 14.2 and 14.4
 */

#include <stdint.h>

#include "base/bytes.h"

struct range {
    uint64_t first, count;
};

enum range_choice {
    RANGE_WHOLE, /* the field is to be ignored */
    RANGE_PART,
    RANGE_UNSATISFIABLE,
};

/* What the value of a Range asks of content that has so many bytes. ret_range is set for
 * RANGE_PART. */
enum range_choice range_choose(struct bytes value, uint64_t length, struct range *ret_range);
