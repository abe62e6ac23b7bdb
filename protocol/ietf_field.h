#pragma once

/*
 * The fields of the IETF's resumable uploads: Upload-Offset, Upload-Length, Upload-Complete
 *
 * A field that is not what it should be is as if it were not there; where it has to be there, that
 * is what the request is refused by.
 *
 *   Units    bytes, 0 to IETF_SIZE_MAX: what an integer of a structured field can hold
 *   Source   draft-ietf-httpbis-resumable-upload, "Header Fields"; RFC 9651
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/ietf_version.h"
#include "protocol/message.h"

/* What Content-Type says of an append. */
#define IETF_MEDIA_TYPE "application/partial-upload"

#define IETF_SIZE_MAX UINT64_C(999999999999999)

/* The length of an upload, which a client may state later. */
struct ietf_length {
    bool known;
    uint64_t bytes; /* 0 when it is not known */
};

/* False, and ret_offset untouched, when there is none. */
bool ietf_offset_field(const struct message *message, uint64_t *ret_offset);

struct ietf_length ietf_length_field(const struct message *message);

/* Whether the upload is complete by this request. False, and ret_complete untouched, when it does not
 * say. */
bool ietf_completeness_field(const struct message *message, const struct ietf_version *version,
                             bool *ret_complete);

/* Refuses, with REFUSED_FIELD_EXCLUDED, a message that has one of these; enum ietf_field. */
int ietf_fields_check(const struct message *message, const struct ietf_version *version,
                      unsigned excluded);
