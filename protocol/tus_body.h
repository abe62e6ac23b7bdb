#pragma once

/*
 * The body of an append, or of a creation with upload: how much of it may be stored, and what
 * happens at its end
 *
 * A body whose length is known beforehand is refused before its first byte when it is too long. Of
 * a chunked one, all that fits is stored; then it is refused.
 *
 * Calling sequence:  tus_creation_parse or tus_append_check  { tus_body_take }  tus_body_end
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/refusal.h"
#include "protocol/message.h"
#include "protocol/tus_field.h"

/* What Content-Type says of such a body. */
#define TUS_MEDIA_TYPE "application/offset+octet-stream"

/* What this server allows. */
struct tus_limits {
    uint64_t max_size; /* of an upload, in bytes; 0: no limit */
};

struct tus_body {
    uint64_t room;            /* how many bytes may still be stored */
    enum refusal beyond;      /* what the byte after them is refused by */
    struct tus_length length; /* of the upload */
    bool complete;            /* the upload was complete already */
};

/* What has to be done when the last byte of the body is stored. */
enum tus_end {
    TUS_END_NOTHING, /* the upload was complete before */
    TUS_END_COMMIT,  /* more is to come */
    TUS_END_FINISH,  /* the upload is complete by this */
};

/* The longest upload that is taken: the limit, and never more than a file can hold. */
uint64_t tus_limits_longest(struct tus_limits limits);

/* The body of a request at an offset of an upload; the length is that upload's. */
struct tus_body tus_body_at(uint64_t offset, struct tus_length length, struct tus_limits limits);

/* Refuses, with what is beyond, a body that states a length for which there is no room. */
int tus_body_check(const struct tus_body *body, const struct framing *framing);

/*
 * Takes the next piece. When there is not enough room it is cut to what may be stored, which is to
 * be stored nevertheless, and refused with what is beyond.
 */
int tus_body_take(struct tus_body *body, struct bytes *piece);

/* What has to be done now that the upload ends at this offset; after a cut piece, too. */
enum tus_end tus_body_end(const struct tus_body *body, uint64_t offset);
