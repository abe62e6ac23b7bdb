#include "server/ietf_append.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/refusal.h"
#include "protocol/ietf_append.h"
#include "server/ietf_answer.h"
#include "server/ietf_final.h"
#include "server/ietf_receive.h"
#include "server/service.h"
#include "server/uploads.h"

/* One append, and what has been learned of its upload. */
struct appending {
    struct exchange *exchange;
    const struct ietf_version *version;
    int parsed; /* what the request is refused by in any case, or 0 */
    struct ietf_append request;
    uint64_t offset; /* where the upload ends, as told */
    bool complete;   /* the upload is */
    bool final;      /* the answer is its final response */
};

/* What the answer says of the upload. */
static void append_tell(struct appending *appending, const struct upload_info *info,
                        uint64_t offset)
{
    appending->offset = offset;
    appending->complete = info->state == UPLOAD_COMPLETE;
    ietf_answer_upload(appending->exchange, appending->version, info, offset);
}

/*
 * A client that has lost the final response asks once more for the upload to be completed.
 *
 * Draft, Responses to Uploads: it can learn that the upload is complete, "but resumable uploads as defined
 * in this document do not offer functionality to recover the missed response"; the newer drafts let the
 * server replay it, and no older one has a use for this request that would stand against it.
 */
static bool append_replays(struct appending *appending, const struct upload_info *info)
{
    struct ietf_upload upload = ietf_upload_of(info);

    if (!ietf_append_repeats(&appending->request, &upload))
        return false;
    append_tell(appending, info, info->offset);
    ietf_final_answer(appending->exchange, info);
    appending->final = true;
    return true;
}

/* What is wrong whatever an older request still brings is said without ending it. */
static int append_look(void *argument, const struct upload_info *info)
{
    struct appending *appending = argument;
    struct ietf_upload upload = ietf_upload_of(info);

    int r = appending->parsed;
    if (r == 0 && append_replays(appending, info))
        return REFUSED_COMPLETED; /* the answer is there: nothing is to be opened */
    if (r == 0)
        r = ietf_append_check_early(&appending->request, &upload);
    if (r != 0)
        append_tell(appending, info, info->offset);
    return r;
}

/* The one writer's turn. */
static int append_content(struct appending *appending, struct upload *upload)
{
    struct exchange *exchange = appending->exchange;
    struct ietf_upload state = ietf_upload_of(upload_info(upload));
    struct ietf_body body;

    int r =
        ietf_append_check(&appending->request, &state, &service_of(exchange)->ietf_limits, &body);
    if (r != 0)
        return ietf_refuse_excess(exchange, appending->version, upload, r);

    r = ietf_receive(exchange, appending->version, upload, &body, &appending->request.content);
    if (r == 0 && body.completes)
        appending->final = true;
    return r;
}

static int append_open(struct appending *appending, struct upload *upload)
{
    struct answer *answer = exchange_answer(appending->exchange);
    const struct upload_info *info = upload_info(upload);

    if (append_replays(appending, info))
        return 0;
    int r = append_content(appending, upload);
    append_tell(appending, info, upload_offset(upload));

    /* "If the request content was fully processed, the upload is marked as complete and the server SHOULD
     *  generate the response that matches what the resource, that was targeted by the initial upload
     *  creation, would have generated if it had processed the entire representation in the initial
     *  request."  — draft, Upload Append */
    if (appending->final)
        ietf_final_answer(appending->exchange, info);
    else if (r == 0)
        answer->status = appending->version->append_status;
    return r;
}

/* "the response MUST include the Upload-Complete header field with a true value, allowing clients to
 *  identify whether a response, in particular error responses, is related to the resumable upload itself
 *  or the processing of the uploaded representation"  — draft, Upload Append */
static int append_answer(struct appending *appending, int result)
{
    struct answer *answer = exchange_answer(appending->exchange);
    bool final = appending->final || result == REFUSED_DIGEST_MISMATCH ||
                 (appending->version->completeness_is_state && appending->complete);

    ietf_answer_complete(answer, appending->version, final);
    return ietf_answer_result(answer, appending->version, result, appending->offset,
                              appending->request.offset);
}

int ietf_append(struct exchange *exchange)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    struct appending appending = {
        .exchange = exchange,
        .version = ietf_version_of(exchange_message(exchange)),
    };
    struct upload_id id;

    ietf_answer_version(exchange_answer(exchange), appending.version);
    appending.parsed = ietf_append_parse(appending.version, exchange_message(exchange),
                                         exchange_framing(exchange), &appending.request);
    int r = service_upload_id(exchange, &id);
    if (r == 0) /* ends an older one */
        r = uploads_check_and_open(exchange, service_of(exchange)->store, &id, append_look,
                                   &appending, &upload);
    if (r == 0)
        r = append_open(&appending, upload);
    else if (appending.final)
        r = 0;
    else if (appending.parsed != 0 && r != -ECANCELED)
        r = appending.parsed;
    return append_answer(&appending, r);
}
