#pragma once

/*
 * UTF-8, character by character
 *
 *   Source   RFC 3629
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * How many bytes the character at the beginning of the text has, which is not empty; 0, and ret_code
 * untouched, when it is not UTF-8: cut off, longer than it need be, a surrogate, or no code at all.
 */
size_t utf8_character(struct bytes text, uint32_t *ret_code);
