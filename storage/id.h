#pragma once

/*
 * Upload ids
 *
 * 128 random bits, written as 32 lowercase hex digits: in URLs, in file names, in the log. Whoever
 * knows an id may use the upload, so ids come from the kernel's random numbers.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum {
    UPLOAD_ID_BYTES = 16,
    UPLOAD_ID_TEXT_BYTES = 2 * UPLOAD_ID_BYTES + 1, /* with the terminating zero */
};

struct upload_id {
    uint8_t bytes[UPLOAD_ID_BYTES];
};

struct upload_id_text {
    char text[UPLOAD_ID_TEXT_BYTES];
};

/* False, and ret_id untouched, for anything but 32 digits of 0-9 and a-f. */
bool upload_id_parse(struct bytes text, struct upload_id *ret_id);

/* By value, so that it can stand in a call: log_info("... id=%s", upload_id_format(&id).text) */
struct upload_id_text upload_id_format(const struct upload_id *id);

/* A new id: 0 or -errno. */
int upload_id_random(struct upload_id *ret_id);

static inline bool upload_id_equal(const struct upload_id *one, const struct upload_id *other)
{
    return memcmp(one->bytes, other->bytes, UPLOAD_ID_BYTES) == 0;
}
