#include "server/ietf_create.h"

#include "base/cleanup.h"
#include "base/refusal.h"
#include "protocol/choice.h"
#include "protocol/idempotency_key.h"
#include "protocol/ietf_creation.h"
#include "protocol/ietf_metadata.h"
#include "server/ietf_announce.h"
#include "server/ietf_answer.h"
#include "server/ietf_final.h"
#include "server/ietf_receive.h"
#include "server/service.h"
#include "server/uploads.h"

/* Makes it, or finds the one that the same request has made before, opens it, and says so while the content is
 * on its way. */
static int create_upload(struct exchange *exchange, const struct ietf_version *version,
                         const struct ietf_creation *creation, struct bytes key, bool *ret_repeated,
                         struct upload **ret_upload)
{
    CLEANUP(announcement_dropp) struct announcement *announcement = NULL;
    char metadata[IETF_METADATA_BYTES];
    bool sha256 = creation->stated.algorithm != DIGEST_NONE || creation->digest_wanted;
    struct upload_creation wanted = {
        .protocol = PROTOCOL_IETF,
        .kind = UPLOAD_SINGLE,
        .length_known = creation->length.known,
        .length = creation->length.bytes,
        .explicit_completion = !version->length_completes,
        .digest_algorithm = sha256 ? DIGEST_SHA256 : service_of(exchange)->digest_algorithm,
        .stated = creation->stated,
        .metadata = ietf_metadata(exchange_message(exchange), metadata),
        .repeat = { .key = key },
    };

    int r = announcement_begin(exchange, version, creation->announces, &wanted, &announcement);
    return r == 0 ? announcement_wait(announcement, ret_repeated, ret_upload) : r;
}

/* The content, or its absence: an upload of nothing is complete at once when the client says so. */
static int create_receive(struct exchange *exchange, const struct ietf_version *version,
                          struct upload *upload, struct ietf_creation *creation)
{
    const struct upload_info *info = upload_info(upload);
    struct answer *answer = exchange_answer(exchange);

    int r = ietf_receive(exchange, version, upload, &creation->body, &creation->content);
    ietf_answer_upload(exchange, version, info, upload_offset(upload));
    if (r == 0 && creation->body.completes) {
        ietf_final_answer(exchange, info);
        return 0;
    }

    /* "If the request content was fully processed, the server MUST include the Location response header
     *  field pointing to the upload resource ... Servers are RECOMMENDED to use the 201 (Created) status
     *  code."  — draft, Upload Creation */
    service_tell_location(exchange, answer, &info->id);
    if (r == 0)
        answer->status = 201;
    return r;
}

/* A creation that is repeated: the client goes on from the offset that it is told. Who still wrote, on a
 * connection that may be dead, was ended by the open. The content that it sends once more is not read. */
static int create_again(struct exchange *exchange, const struct ietf_version *version,
                        struct upload *upload, bool *ret_complete)
{
    const struct upload_info *info = upload_info(upload);
    struct ietf_upload state = ietf_upload_of(info);

    int r = ietf_upload_check(&state);
    if (r != 0)
        return r;

    ietf_answer_upload(exchange, version, info, upload_offset(upload));
    *ret_complete = state.complete;
    if (state.complete) {
        ietf_final_answer(exchange, info);
        return 0;
    }
    service_tell_location(exchange, exchange_answer(exchange), &info->id);
    exchange_answer(exchange)->status = 201;
    return 0;
}

int ietf_create(struct exchange *exchange)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    const struct service *service = service_of(exchange);
    const struct message *message = exchange_message(exchange);
    const struct ietf_version *version = ietf_version_of(message);
    struct answer *answer = exchange_answer(exchange);
    struct ietf_creation creation = { 0 };
    struct bytes key;
    bool repeated = false;

    ietf_answer_version(answer, version);
    int r = ietf_creation_parse(version, message, exchange_framing(exchange), &service->ietf_limits,
                                &creation);
    if (r != 0)
        ietf_answer_limits(exchange, answer, version);
    if (r == 0)
        r = idempotency_key_field(message, &key);
    if (r == 0)
        r = create_upload(exchange, version, &creation, key, &repeated, &upload);
    if (r == 0 && repeated)
        r = create_again(exchange, version, upload, &creation.body.completes);
    else if (r == 0)
        r = create_receive(exchange, version, upload, &creation);

    /* A mismatch of the whole is the final response, too: there is nothing to go on with. */
    bool complete = upload != NULL && upload_info(upload)->state == UPLOAD_COMPLETE;
    bool final = (r == 0 && creation.body.completes) || r == REFUSED_DIGEST_MISMATCH ||
                 (version->completeness_is_state && complete);
    ietf_answer_complete(answer, version, final);
    return ietf_answer_result(answer, version, r, 0, 0);
}
