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
