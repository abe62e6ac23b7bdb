#pragma once

/*
 * Base64, the canonical form only: with its padding, unused bits zero, nothing else in between
 *
 *   Source   RFC 4648, 4
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The text of so many bytes, not terminated. */
#define BASE64_TEXT_BYTES(count) (((count) + 2) / 3 * 4)

/* How many bytes the text stands for; false, and ret_count untouched, when it is not base64. */
bool base64_count(struct bytes text, size_t *ret_count);

/* False, and everything untouched, when the text is not base64 or needs more room. */
bool base64_decode(struct bytes text, uint8_t *ret_data, size_t room, size_t *ret_count);

/* ret_text has room for BASE64_TEXT_BYTES(data.count); all of it is used. */
void base64_encode(struct bytes data, char *ret_text);
