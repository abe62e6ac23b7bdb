#include "server/append.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/refusal.h"
#include "protocol/choice.h"
#include "protocol/tus_append.h"
#include "server/receive.h"
#include "server/service.h"
#include "server/uploads.h"

struct append_look {
    int parsed; /* what the request is refused by in any case, or 0 */
    struct tus_append request;
    struct answer *answer;
};

/* What is wrong whatever an older request still brings is said without ending it, and tells where the
 * upload ends; what is wrong with the request itself tells only when the upload expires. */
static int append_look(void *argument, const struct upload_info *info)
{
    struct append_look *look = argument;
    struct tus_upload upload = service_tus_upload(info);

    if (look->parsed != 0) {
        service_tell_expires(look->answer, info);
        return look->parsed;
    }
    int r = info->protocol == PROTOCOL_TUS ? tus_append_check_early(&look->request, &upload)
                                           : REFUSED_OTHER_PROTOCOL;
    if (r != 0)
        service_tell(look->answer, info, info->offset);
    return r;
}

/* The one writer's turn. */
static int append_body(struct exchange *exchange, struct upload *upload,
                       const struct tus_append *request)
{
    struct tus_upload state = service_tus_upload(upload_info(upload));
    bool verified = tus_checksum_expected(&request->checksum);
    struct tus_checksum checksum = request->checksum;
    struct tus_body body;

    int r = tus_append_check(request, &state, service_of(exchange)->limits, &body);

    /* "In the first two cases the uploaded chunk MUST be discarded, and the upload and its offset MUST NOT
     *  be updated."  — tus, Checksum. Its length neither. */
    if (r == 0 && verified)
        r = receive_verified(exchange, upload, &body, &checksum);
    if (r == 0 && request->length.known && !state.length.known)
        r = uploads_set_length(exchange, upload, request->length.bytes);
    if (r != 0)
        return r;
    return verified ? receive_keep(exchange, upload, &body) : receive_body(exchange, upload, &body);
}

int append(struct exchange *exchange)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    struct append_look look = { .answer = exchange_answer(exchange) };
    struct upload_id id;

    look.parsed =
        tus_append_parse(exchange_message(exchange), exchange_framing(exchange), &look.request);
    int r = service_upload_id(exchange, &id);
    if (r == 0) /* ends an older one */
        r = uploads_check_and_open(exchange, service_of(exchange)->store, &id, append_look, &look,
                                   &upload);
    if (r != 0)
        return look.parsed != 0 && r != -ECANCELED ? look.parsed : r;

    r = append_body(exchange, upload, &look.request);
    service_tell(exchange_answer(exchange), upload_info(upload), upload_offset(upload));

    /* "The Server MUST acknowledge successful PATCH requests with the 204 No Content status. It MUST
     *  include the Upload-Offset header containing the new offset."  — tus, PATCH */
    if (r == 0)
        exchange_answer(exchange)->status = 204;
    return r;
}
