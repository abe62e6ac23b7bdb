#include "server/ietf_offset.h"

#include "base/cleanup.h"
#include "protocol/choice.h"
#include "server/download.h"
#include "server/ietf_answer.h"
#include "server/service.h"
#include "server/uploads.h"

/* "A successful response to a HEAD request against an upload resource MUST include the offset ..., the
 *  completeness state ..., the length ... unless the client has not supplied one ..., MUST indicate the
 *  limits"  — draft, Offset Retrieval. Complete is what the client has said to be; offset and length alone
 *  do not tell. */
static int offset_answer(struct exchange *exchange, const struct ietf_version *version,
                         const struct upload_info *info)
{
    struct answer *answer = exchange_answer(exchange);
    bool complete = info->state == UPLOAD_COMPLETE;

    /* Who does not say that it speaks a protocol may be about to download. */
    if (complete && protocol_choose(exchange_message(exchange)) == PROTOCOL_NONE) {
        int r = download_tell(exchange, info);
        if (r != 0)
            return r;
        if (answer->status == 0)
            answer->status = 200;
    } else {
        answer->status = 204;
        service_tell_digest(answer, info);
    }
    ietf_answer_upload(exchange, version, info, info->offset);
    ietf_answer_complete(answer, version, complete);
    return 0;
}

/* The older writer ends and what it had received is committed: "the offset sent by the server MUST be
 *  accepted in a subsequent request to append representation data"  — draft, Concurrency */
static int offset_look(struct exchange *exchange, const struct ietf_version *version)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    struct upload_id id;

    int r = service_upload_id(exchange, &id);
    if (r == 0)
        r = uploads_open(exchange, service_of(exchange)->store, &id, &upload);
    if (r != 0)
        return r;

    struct ietf_upload state = ietf_upload_of(upload_info(upload));
    r = ietf_upload_check(&state);
    return r == 0 ? offset_answer(exchange, version, upload_info(upload)) : r;
}

int ietf_offset(struct exchange *exchange)
{
    const struct message *message = exchange_message(exchange);
    const struct ietf_version *version = ietf_version_of(message);
    struct answer *answer = exchange_answer(exchange);

    ietf_answer_version(answer, version);
    int r = ietf_fields_check(message, version, version->head_excludes);
    if (r == 0)
        r = offset_look(exchange, version);
    return ietf_answer_result(answer, version, r, 0, 0);
}
