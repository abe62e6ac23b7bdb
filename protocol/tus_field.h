#pragma once

/*
 * The fields of tus that hold a number: Upload-Offset, Upload-Length, Upload-Defer-Length
 *
 *   Units    bytes, 0 to 2^63-1: what a file can hold
 *   Source   tus 1.0.0, "Upload-Offset", "Upload-Length", "Upload-Defer-Length"
 *   Errors   ret_... untouched by every refusal
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

/* The length of an upload, which a client may state later. */
struct tus_length {
    bool known;
    uint64_t bytes; /* 0 when it is not known */
};

/* Refuses with REFUSED_OFFSET_SYNTAX, when the field is missing, too; REFUSED_REPEATED_FIELD. */
int tus_offset_field(const struct message *message, uint64_t *ret_offset);

/* Without the field the length is not known. Refuses with REFUSED_LENGTH_SYNTAX,
 * REFUSED_REPEATED_FIELD. */
int tus_length_field(const struct message *message, struct tus_length *ret_length);

/* Refuses with REFUSED_DEFER_SYNTAX, REFUSED_REPEATED_FIELD. */
int tus_defer_length_field(const struct message *message, bool *ret_deferred);
