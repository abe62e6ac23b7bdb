#pragma once

/*
 * Origins: whose web pages may read the answers of a server
 *
 *     https://app.example, http://localhost:8080
 *
 *   Source   RFC 6454, 6.2 (how an origin is written); the Fetch standard, "CORS check" (how it is
 *            compared)
 */

#include <stdbool.h>

#include "base/bytes.h"

/*
 * Whether this is a list that origin_list_has() can look through: "*" alone, or origins with commas
 * or blanks between them, perhaps none. An origin is scheme://host or scheme://host:port and nothing
 * behind; "null" and a port that browsers leave out would match more, or less, than was meant.
 */
bool origin_list_valid(struct bytes list);

/* Whether everybody is in the list: it is "*". */
bool origin_list_has_all(struct bytes list);

/* Whether the origin of a request is in the list, by name; upper and lower case are the same. */
bool origin_list_has(struct bytes list, struct bytes origin);
