#pragma once

/*
 * Media types in Content-Type
 *
 *   Source   RFC 9110, 8.3.1: "type/subtype" without regard to case, then parameters after ';'
 */

#include <stdbool.h>

#include "base/bytes.h"

/* Whether the value names the type, whatever its parameters. type: "type/subtype". */
bool media_type_is(struct bytes value, const char *type);

/* Whether the value is a media type, parameters and all, that may stand in a Content-Type. */
bool media_type_valid(struct bytes value);

/*
 * Whether a browser may show such content on a page of its own: pictures, films, sound and plain
 * text. All that can carry a script, or is given to another program, is saved instead.
 */
bool media_type_inert(struct bytes value);
