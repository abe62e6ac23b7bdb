#pragma once

/*
 * The creation of an upload: POST or PUT on the endpoint, with all of the content, the first part of
 * it, or none
 *
 *   Source   draft-ietf-httpbis-resumable-upload, "Upload Creation"; RFC 9530
 */

#include "protocol/content_digest.h"
#include "protocol/ietf_body.h"
#include "protocol/ietf_version.h"

struct ietf_creation {
    struct ietf_length length; /* as stated, or as the content tells it */
    struct ietf_body body;     /* .completes: the content is all there is */

    /* Whether interim responses are sent: to a client that will understand them, about an upload that
     * can be resumed, whose content is not to be taken back. */
    bool announces;

    struct content_digests content; /* of this request's content */
    struct digest_value stated;     /* of the whole, DIGEST_SHA256; otherwise DIGEST_NONE */
    bool digest_wanted;             /* that of the whole, by the client */
};

/*
 * Takes the request apart. Whatever it refuses was refused by the headers alone: nothing is to be
 * created, and nothing of the content has to be read.
 *
 * Refuses, in this order, with REFUSED_COMPLETENESS; REFUSED_DIGEST_FIELD; REFUSED_EXCESS,
 * REFUSED_LENGTHS_INCONSISTENT; REFUSED_TOO_LARGE, REFUSED_TOO_SMALL, REFUSED_APPEND_TOO_LARGE,
 * REFUSED_APPEND_TOO_SMALL. ret_creation is untouched then.
 */
int ietf_creation_parse(const struct ietf_version *version, const struct message *message,
                        const struct framing *framing, const struct ietf_limits *limits,
                        struct ietf_creation *ret_creation);
