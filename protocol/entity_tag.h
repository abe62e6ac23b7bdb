#pragma once

/*
 * Entity tags: a name for exactly these bytes
 *
 *   Source   RFC 9110, 8.8.3 and 13.1
 */

#include <stdbool.h>

#include "base/bytes.h"

struct entity_tag {
    bool weak;
    struct bytes opaque; /* with its quotes */
};

/* One entity tag and nothing else. False, and ret_tag untouched, for anything else. */
bool entity_tag_parse(struct bytes text, struct entity_tag *ret_tag);

/* Both strong, and the same. */
bool entity_tag_equal_strongly(struct entity_tag one, struct entity_tag other);

/* The same, strong or not. */
bool entity_tag_equal_weakly(struct entity_tag one, struct entity_tag other);

/*
 * The next tag of a list, taken off it. False at its end, and at the first thing that is none: what
 * stands behind that is not looked at.
 */
bool entity_tag_next(struct bytes *list, struct entity_tag *ret_tag);
