#include "server/service.h"

#include <inttypes.h>

#include "base/refusal.h"
#include "protocol/http_date.h"
#include "protocol/tus_version.h"

/* What a script from another origin may read of an answer. */
#define EXPOSED_FIELDS                                                                     \
    "Location, Retry-After, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "     \
    "Upload-Concat, Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, " \
    "Upload-Offset"

const struct service *service_of(const struct exchange *exchange)
{
    return exchange_context(exchange);
}

int service_upload_id(const struct exchange *exchange, struct upload_id *ret_id)
{
    struct bytes name =
        bytes_after(exchange_path(exchange), strlen(service_of(exchange)->base_path));
    return upload_id_parse(name, ret_id) ? 0 : REFUSED_UNKNOWN_UPLOAD;
}

/* The Fetch standard: "*" is for everybody as long as no credentials are involved, and they never are. */
static void finish_cors(struct exchange *exchange, struct answer *answer)
{
    const char *allowed = service_of(exchange)->cors_origin;
    struct bytes origin;

    if (allowed[0] == '\0')
        return;
    if (strcmp(allowed, "*") != 0)
        answer_field(answer, "Vary", "Origin");
    if (!message_field(exchange_message(exchange), "Origin", &origin))
        return;
    if (strcmp(allowed, "*") != 0 && !bytes_equal_text(origin, allowed))
        return;
    answer_field(answer, "Access-Control-Allow-Origin", "%s", allowed);
    answer_field(answer, "Access-Control-Expose-Headers", "%s", EXPOSED_FIELDS);
}

void service_finish(struct exchange *exchange, struct answer *answer)
{
    struct bytes path = exchange_path(exchange);

    /* A message that could not be read has no path: it may have been for the endpoint. */
    if (path.count > 0 && !bytes_start_with(path, service_of(exchange)->base_path))
        return;

    /* "The Tus-Resumable header MUST be included in every request and response except for OPTIONS
     *  requests."  — tus, Tus-Resumable */
    answer_field(answer, "Tus-Resumable", "%s", TUS_VERSION);
    answer_field(answer, "X-Content-Type-Options", "nosniff");

    /* "The Server MUST prevent the client and/or proxies from caching the response by adding the
     *  Cache-Control: no-store header to the response."  — tus, HEAD */
    answer_field(answer, "Cache-Control", "no-store");
    finish_cors(exchange, answer);
}

struct tus_upload service_tus_upload(const struct upload_info *info)
{
    return (struct tus_upload){
        .offset = info->offset,
        .length = { .known = info->length_known, .bytes = info->length },
        .complete = info->state == UPLOAD_COMPLETE,
        .final = info->kind == UPLOAD_FINAL,
        .damaged = info->state == UPLOAD_DAMAGED,
        .invalidated = info->state == UPLOAD_INVALIDATED,
    };
}

void service_tell_expires(struct answer *answer, const struct upload_info *info)
{
    char date[HTTP_DATE_BYTES];

    /* "This header MUST be included in every PATCH response if the upload is going to expire."
     *  — tus, Upload-Expires */
    if (info->expires == 0 || info->state != UPLOAD_RECEIVING)
        return;
    http_date_format(info->expires, date);
    answer_field(answer, "Upload-Expires", "%s", date);
}

void service_tell(struct answer *answer, const struct upload_info *info, uint64_t offset)
{
    if (info->state == UPLOAD_DAMAGED || info->state == UPLOAD_INVALIDATED)
        return; /* nobody can go on with it anywhere: some clients take the field alone for success */
    answer_field(answer, "Upload-Offset", "%" PRIu64, offset);
    service_tell_expires(answer, info);
}
