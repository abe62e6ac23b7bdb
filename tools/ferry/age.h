#pragma once

/*
 * Ages: a number of seconds as people write and read it
 */

#include <stdbool.h>
#include <stdint.h>

enum {
    AGE_TEXT_BYTES = 8
};

/* "90", "90s", "15m", "2h", "7d", "4w". False, and ret_seconds untouched, for anything else. */
bool age_parse(const char *text, uint64_t *ret_seconds);

/* "42s", "15m", "47h", "7d", "999d": the largest unit of which there are two, five columns at most. */
void age_format(uint64_t seconds, char text[static AGE_TEXT_BYTES]);
