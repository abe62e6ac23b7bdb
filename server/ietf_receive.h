#pragma once

/* The content of a request into an upload: what an append and a creation have in common. */

#include "protocol/content_digest.h"
#include "protocol/ietf_body.h"
#include "protocol/ietf_version.h"
#include "server/exchange.h"
#include "storage/upload.h"

/*
 * Stores what there is room for and makes it durable, or the upload complete where the content
 * completes it; body->completes says afterwards which. Meanwhile the client is told the durable offset by
 * 104, at most once a second. A length that the upload did not have yet is made durable, too.
 *
 * Content with digests is verified as a whole: it is stored when it has them, and otherwise not at all;
 * that which breaks off before it could be verified is stored as any other, unless that would complete the
 * upload.
 *
 * More content than the upload's length invalidates the upload, in versions that want this.
 *
 * Refuses with what lies beyond the room (all that fitted is stored), REFUSED_CHECKSUM_MISMATCH,
 * REFUSED_DIGEST_MISMATCH, REFUSED_TOO_SHORT, REFUSED_NO_SPACE, or as upload_append() does; -ECANCELED
 * when the rest will not come: storage keeps what did. Waits.
 */
int ietf_receive(struct exchange *exchange, const struct ietf_version *version,
                 struct upload *upload, struct ietf_body *body,
                 const struct content_digests *digests);

/* After a refusal: invalidates the upload when the refusal and the version want it. Waits. */
int ietf_refuse_excess(struct exchange *exchange, const struct ietf_version *version,
                       struct upload *upload, int result);
