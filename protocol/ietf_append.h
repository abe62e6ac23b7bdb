#pragma once

/*
 * An append to an upload: PATCH
 *
 * What can be refused is refused in this order: media type, completeness, offset, digests
 * (ietf_append_parse), existence (the store), the upload's state, offset, lengths, limits
 * (ietf_append_check), and at last the content (ietf_body_take).
 *
 *   Source   draft-ietf-httpbis-resumable-upload, "Upload Append"
 *
 * Calling sequence:  ietf_append_parse                   by the headers alone
 *                    find the upload                     a look: no lock, nobody is disturbed
 *                    ietf_append_repeats                 then the stored response is the answer
 *                    ietf_append_check_early             what can never work
 *                    open the upload                     alone: an older request has ended
 *                    ietf_append_repeats, ietf_append_check   by what it is now
 *                    state the length, when it is new   before the content, or when it is verified
 *                    { ietf_body_take }
 */

#include "protocol/content_digest.h"
#include "protocol/ietf_body.h"
#include "protocol/ietf_version.h"

struct ietf_append {
    const struct ietf_version *version;
    uint64_t offset;
    bool completes;
    struct ietf_length length; /* as the request states it */
    struct content_digests content;
    struct framing framing;
};

/* What an append has to know of the upload. */
struct ietf_upload {
    uint64_t offset; /* the durable one */
    struct ietf_length length;
    bool complete;
    bool foreign;     /* another protocol has created it */
    bool damaged;     /* the disk lost bytes of it, or they were not what they should be */
    bool invalidated; /* a request broke its rules; of a final one: a part is lost */
    bool final;       /* the concatenation of others, which only another protocol makes */
};

/*
 * Refuses with REFUSED_PARTIAL_MEDIA_TYPE, REFUSED_COMPLETENESS, REFUSED_OFFSET_UNSTATED,
 * REFUSED_DIGEST_FIELD; ret_append is untouched then.
 */
int ietf_append_parse(const struct ietf_version *version, const struct message *message,
                      const struct framing *framing, struct ietf_append *ret_append);

/* Whether anybody can go on with the upload. Refuses with REFUSED_DAMAGED, REFUSED_INVALIDATED. */
int ietf_upload_check(const struct ietf_upload *upload);

/* Whether the request asks once more for what completed the upload: it changes nothing. */
bool ietf_append_repeats(const struct ietf_append *append, const struct ietf_upload *upload);

/*
 * What is wrong now and cannot become right while an older request is still appending. That one need
 * not be ended for it.
 *
 * Refuses as ietf_upload_check(), and with REFUSED_OTHER_PROTOCOL, REFUSED_COMPLETED,
 * REFUSED_OFFSET_MISMATCH, REFUSED_LENGTHS_INCONSISTENT.
 */
int ietf_append_check_early(const struct ietf_append *append, const struct ietf_upload *upload);

/*
 * Decides, for the only writer, and tells what the content may bring, and the length that the upload
 * has from then on: when the upload's was not known and this one is, it has to be made durable.
 *
 * Refuses as ietf_append_check_early(), and with REFUSED_EXCESS, after which a version may have the
 * upload invalidated; REFUSED_LENGTHS_INCONSISTENT, REFUSED_TOO_LARGE, REFUSED_APPEND_TOO_LARGE,
 * REFUSED_APPEND_TOO_SMALL. ret_body is untouched then.
 */
int ietf_append_check(const struct ietf_append *append, const struct ietf_upload *upload,
                      const struct ietf_limits *limits, struct ietf_body *ret_body);
