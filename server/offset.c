#include "server/offset.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "protocol/choice.h"
#include "protocol/tus_version.h"
#include "server/download.h"
#include "server/service.h"
#include "server/status.h"
#include "server/uploads.h"

/* Whether the request asks in order to go on with the upload. Other clients only look. */
static bool offset_resumes(const struct exchange *exchange)
{
    return message_field_count(exchange_message(exchange), "Tus-Resumable") > 0;
}

/* "Response to HEAD request against partial or final upload MUST include the Upload-Concat header and its
 *  value as received in the upload creation request."  — tus, Concatenation */
static void offset_tell_concat(struct answer *answer, const struct upload_info *info)
{
    switch (info->kind) {
    case UPLOAD_SINGLE: return;
    case UPLOAD_PARTIAL: answer_field(answer, "Upload-Concat", "partial"); return;
    case UPLOAD_FINAL:
        answer_field(answer, "Upload-Concat", "%.*s", (int)info->words_count,
                     (const char *)info->words);
        return;
    }
}

/* "The Server MUST always include the Upload-Offset header in the response for a HEAD request ... If the
 *  size of the upload is known, the Server MUST include the Upload-Length header in the response."
 *  — tus, HEAD */
static void offset_answer(struct answer *answer, const struct upload_info *info)
{
    if (answer->status == 0)
        answer->status = 200;
    service_tell(answer, info, info->offset);
    if (info->length_known)
        answer_field(answer, "Upload-Length", "%" PRIu64, info->length);
    else if (info->kind != UPLOAD_FINAL) /* whose length nobody will state */
        answer_field(answer, "Upload-Defer-Length", "1");
    offset_tell_concat(answer, info);
    if (info->metadata_count > 0)
        answer_field(answer, "Upload-Metadata", "%.*s", (int)info->metadata_count,
                     (const char *)info->metadata);
}

static int offset_tell(struct exchange *exchange, const struct upload_info *info)
{
    struct tus_upload upload = service_tus_upload(info);
    int r = tus_upload_check(&upload);

    /* "The HEAD method is identical to GET except that the server MUST NOT send content in the response."
     *  — RFC 9110, 9.3.2. Where a GET is refused there is nothing of it to tell. */
    if (r == 0 && upload.complete && download_refusal(info) == 0)
        r = download_tell(exchange, info);
    if (r == 0)
        offset_answer(exchange_answer(exchange), info);
    return r;
}

/* The older writer ends and what it had received is committed: the offset that is told is the one that
 * the next PATCH is accepted with. */
static int offset_take_over(struct exchange *exchange, const struct upload_id *id)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;

    int r = uploads_open(exchange, service_of(exchange)->store, id, &upload);
    return r == 0 ? offset_tell(exchange, upload_info(upload)) : r;
}

static int offset_look(struct exchange *exchange, const struct upload_id *id)
{
    struct upload_info info = { 0 };

    int r = uploads_find(exchange, service_of(exchange)->store, id, &info);
    if (r == 0)
        r = offset_tell(exchange, &info);
    upload_info_done(&info);
    return r;
}

/* A client of a protocol gets its fields, whatever its HTTP library says that it accepts. */
int offset(struct exchange *exchange)
{
    struct upload_id id;

    if (protocol_choose(exchange_message(exchange)) == PROTOCOL_NONE && status_preferred(exchange))
        return status(exchange);

    int r = tus_version_check_stated(exchange_message(exchange));
    if (r == 0)
        r = service_upload_id(exchange, &id);
    if (r != 0)
        return r;
    return offset_resumes(exchange) ? offset_take_over(exchange, &id) : offset_look(exchange, &id);
}
