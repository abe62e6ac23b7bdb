#pragma once

/*
 * What the answers of the IETF's resumable uploads have in common
 *
 * Every answer has the version that the client speaks; an answer about an upload also has where it
 * ends, its length, and the limits. What a version does not know is left out.
 *
 *   Source   draft-ietf-httpbis-resumable-upload; RFC 9457
 */

#include "protocol/ietf_append.h"
#include "server/exchange.h"
#include "storage/upload.h"

/* The upload as the protocol's decisions see it. */
struct ietf_upload ietf_upload_of(const struct upload_info *info);

/* Upload-Draft-Interop-Version, where the client named one that we speak. */
void ietf_answer_version(struct answer *answer, const struct ietf_version *version);

/* Upload-Limit for an upload that is not made yet. */
void ietf_answer_limits(struct exchange *exchange, struct answer *answer,
                        const struct ietf_version *version);

/* Upload-Offset, Upload-Length, Upload-Limit. */
void ietf_answer_upload(struct exchange *exchange, const struct ietf_version *version,
                        const struct upload_info *info, uint64_t offset);

/* Upload-Complete, in the words of the version. */
void ietf_answer_complete(struct answer *answer, const struct ietf_version *version, bool complete);

/*
 * What the result of a request about an upload says, in the words of this protocol: a refusal that
 * answer_result() gives its status and sentence, or 0 when the answer has them already, as problem
 * details. Results that are no refusals come back as they are.
 *
 * offset and provided, in bytes, are where the upload ends and where the request would have begun.
 */
int ietf_answer_result(struct answer *answer, const struct ietf_version *version, int result,
                       uint64_t offset, uint64_t provided);
