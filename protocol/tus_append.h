#pragma once

/*
 * An append to an upload: PATCH
 *
 * What can be refused is refused in this order, so that a client always hears the first thing that
 * is wrong: version, media type, syntax (tus_append_parse), existence (the store), final upload,
 * offset, lengths (tus_append_check), and at last the body (tus_body_take).
 *
 *   Source   tus 1.0.0, "PATCH", "Creation" (for a deferred length), "Concatenation"
 *
 * Calling sequence:  tus_append_parse                   by the headers alone
 *                    find the upload                    a look: no lock, nobody is disturbed
 *                    tus_append_check_early             what can never work
 *                    open the upload                    alone: an older request has ended
 *                    tus_append_check                   what does not work now
 *                    state the length, when it is new
 *                    { tus_body_take }  tus_body_end
 *
 * With a checksum (tus_checksum_expected) the body is taken first, and verified, and only then is
 * the length stated: a request that fails leaves nothing behind.
 */

#include "protocol/message.h"
#include "protocol/tus_body.h"
#include "protocol/tus_checksum.h"

struct tus_append {
    uint64_t offset;
    struct tus_length length;     /* known: the request states it, for an upload that deferred it */
    struct tus_checksum checksum; /* of the body */
    struct framing framing;       /* of the body */
};

/* What an append has to know of the upload. */
struct tus_upload {
    uint64_t offset; /* the durable one */
    struct tus_length length;
    bool complete;
    bool final;       /* the concatenation of others */
    bool damaged;     /* the disk lost bytes of it */
    bool invalidated; /* a request broke its rules; of a final one: a part is lost */
};

/*
 * Refuses with REFUSED_VERSION, REFUSED_MEDIA_TYPE, REFUSED_OFFSET_SYNTAX, REFUSED_LENGTH_SYNTAX,
 * as tus_checksum_parse() does, and with REFUSED_REPEATED_FIELD; ret_append is untouched then.
 */
int tus_append_parse(const struct message *message, const struct framing *framing,
                     struct tus_append *ret_append);

/*
 * Whether anybody can go on with the upload: for every request but DELETE.
 * Refuses with REFUSED_DAMAGED, REFUSED_INVALIDATED, REFUSED_PART_LOST.
 */
int tus_upload_check(const struct tus_upload *upload);

/*
 * What is wrong now and cannot become right while an older request is still appending: the offset
 * of an upload never decreases. The older request need not be ended for it.
 *
 * Refuses as tus_upload_check(), and with REFUSED_FINAL_UPLOAD, REFUSED_OFFSET_MISMATCH.
 */
int tus_append_check_early(const struct tus_append *append, const struct tus_upload *upload);

/*
 * Decides, for the only writer, and tells what the body may bring. When append->length is known and
 * upload->length is not, the new one has to be made durable before the body is read, or before its
 * bytes are when they have to be verified.
 *
 * Refuses as tus_upload_check(), and with REFUSED_FINAL_UPLOAD, REFUSED_OFFSET_MISMATCH;
 * REFUSED_LENGTH_MISMATCH, REFUSED_TOO_SHORT, REFUSED_TOO_LARGE for the stated length;
 * REFUSED_TOO_LONG, REFUSED_TOO_LARGE for the body's. ret_body is untouched then.
 */
int tus_append_check(const struct tus_append *append, const struct tus_upload *upload,
                     struct tus_limits limits, struct tus_body *ret_body);
