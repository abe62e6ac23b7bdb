#pragma once

/*
 * Structured fields of answers: integers, booleans, and integers in dictionaries
 *
 *     Upload-Offset: 100
 *     Upload-Complete: ?1
 *     Upload-Limit: max-size=1073741824, max-append-size=104857600
 *
 * Parameters are ignored. What is none of these is not there.
 *
 *   Source  RFC 9651
 */

#include "base/bytes.h"

/* Without white space around it, line ends included. */
struct bytes field_trim(struct bytes text);

/* False for all else than an integer of 0 to 15 digits. */
bool field_integer(struct bytes value, uint64_t *ret_integer);

/* False for all else than ?0 and ?1. */
bool field_boolean(struct bytes value, bool *ret_boolean);

/* The integer that a dictionary has for the key; false where it has none. */
bool field_member(struct bytes value, const char *key, uint64_t *ret_integer);
