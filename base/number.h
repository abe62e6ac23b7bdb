#pragma once

/*
 * Numbers in text
 *
 * Exactly one or more decimal digits: no sign, no blank, no base prefix, nothing before or after.
 * That is the grammar of Content-Length, of the tus headers and of our command line.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* False, and ret_number untouched, for anything but digits and for a value above maximum. */
bool number_parse(struct bytes text, uint64_t maximum, uint64_t *ret_number);
