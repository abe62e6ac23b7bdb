#pragma once

/*
 * The content of a creation or an append: how much of it may be stored
 *
 * Content whose length is known beforehand is refused before its first byte when it is too long. Of
 * a chunked one, all that fits is stored; then it is refused.
 *
 * Calling sequence:  ietf_creation_parse or ietf_append_check  { ietf_body_take }
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/refusal.h"
#include "protocol/ietf_field.h"
#include "protocol/ietf_limits.h"

struct ietf_body {
    struct ietf_length length; /* of the upload, from this request on */
    uint64_t room;             /* how many bytes may still be stored */
    enum refusal beyond;       /* what the byte after them is refused by */
    bool completes; /* its last byte is the last one of the upload, by the client's word */
    bool fills; /* it is as well when there is no room any more: ietf_version.length_completes */
};

/* Content at an offset of an upload; the length is that upload's, and not below the offset. */
struct ietf_body ietf_body_at(const struct ietf_version *version, uint64_t offset,
                              struct ietf_length length, const struct ietf_limits *limits,
                              bool completes);

/*
 * Refuses content that states a length for which there is no room, with what is beyond, and with
 * REFUSED_APPEND_TOO_SMALL what is shorter than requests have to be.
 */
int ietf_body_check(const struct ietf_body *body, const struct framing *framing,
                    const struct ietf_limits *limits);

/*
 * Takes the next piece. When there is not enough room it is cut to what may be stored, which is to
 * be stored nevertheless, and refused with what is beyond.
 */
int ietf_body_take(struct ietf_body *body, struct bytes *piece);

/* Whether the upload is complete now that the content is at its end. */
bool ietf_body_ends(const struct ietf_body *body);

/* The length of an upload, as far as this content tells it: it is over where the content is. */
struct ietf_length ietf_body_length(bool completes, uint64_t offset, const struct framing *framing);
