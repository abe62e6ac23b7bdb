#include "server/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/refusal.h"
#include "protocol/base64.h"
#include "protocol/content_digest.h"
#include "protocol/http_date.h"
#include "protocol/tus_version.h"
#include "server/cors.h"
#include "server/metrics.h"
#include "server/uploads.h"

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

const char *service_public_path(const struct service *service)
{
    bool whole =
        service->public_url != NULL && strcmp(service->public_url, PUBLIC_URL_FORWARDED) != 0;

    return whole ? strchr(strstr(service->public_url, "://") + 3, '/') : NULL;
}

char *service_url_base(const struct exchange *exchange)
{
    const struct service *service = service_of(exchange);
    const struct forwarded *origin = exchange_origin(exchange);
    char *base = NULL;

    if (service->public_url == NULL)
        return strdup(service->base_path);
    if (strcmp(service->public_url, PUBLIC_URL_FORWARDED) != 0)
        return strdup(service->public_url);
    if (origin->host.count == 0 || origin->scheme == FORWARDED_SCHEME_UNKNOWN)
        return strdup(service->base_path);

    int count = asprintf(&base, "%s://%.*s%s",
                         origin->scheme == FORWARDED_SCHEME_HTTPS ? "https" : "http",
                         BYTES_ARGUMENT(origin->host), service->base_path);
    return count < 0 ? NULL : base;
}

void service_tell_location(struct exchange *exchange, struct answer *answer,
                           const struct upload_id *id)
{
    AUTO_FREE char *base = service_url_base(exchange);

    if (base == NULL)
        answer->broken = true;
    else
        answer_field(answer, "Location", "%s%s", base, upload_id_format(id).text);
}

/* What else the same URL answers otherwise to. Without an Origin there are no fields for scripts, even where
 * all may read: an answer that a browser stored for an image is of no use to a script. See the Fetch standard,
 * "CORS protocol and HTTP caches". */
static void finish_vary(struct exchange *exchange, struct answer *answer)
{
    struct bytes method = exchange_message(exchange)->method;
    struct bytes origins = bytes_of_text(service_of(exchange)->cors_origins);
    bool by_accept = bytes_equal_text(method, "GET") || bytes_equal_text(method, "HEAD");
    bool by_origin = origins.count > 0;

    if (by_accept || by_origin)
        answer_field(answer, "Vary", "%s%s%s", by_accept ? "Accept" : "",
                     by_accept && by_origin ? ", " : "", by_origin ? "Origin" : "");
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
    if (!answer_has_field(answer, "Cache-Control"))
        answer_field(answer, "Cache-Control", "no-store");
    finish_vary(exchange, answer);
    cors_finish(exchange, answer);
}

void service_count(void *context, const struct exchange_record *record)
{
    const struct service *service = context;

    metrics_count(service->metrics, record);
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

/* "The Server MUST acknowledge a successful upload creation with the 201 Created status. The Server MUST
 *  set the Location header to the URL of the created resource."  — tus, Creation, POST */
void service_answer_created(struct exchange *exchange, const struct upload_id *id)
{
    struct answer *answer = exchange_answer(exchange);

    answer->status = 201;
    service_tell_location(exchange, answer, id);
}

int service_tell_created(struct exchange *exchange, const struct upload_id *id)
{
    CLEANUP(upload_info_done) struct upload_info info = { 0 };

    int r = uploads_find(exchange, service_of(exchange)->store, id, &info);
    if (r != 0)
        return r;
    service_answer_created(exchange, id);
    service_tell(exchange_answer(exchange), &info, info.offset);
    return 0;
}

/* What nobody finishes, and a part that nobody uses. */
static bool going_to_expire(const struct upload_info *info)
{
    return info->expires != 0 && (info->state == UPLOAD_RECEIVING ||
                                  (info->state == UPLOAD_COMPLETE && info->kind == UPLOAD_PARTIAL));
}

void service_tell_expires(struct answer *answer, const struct upload_info *info)
{
    char date[HTTP_DATE_BYTES];

    /* "This header MUST be included in every PATCH response if the upload is going to expire."
     *  — tus, Upload-Expires */
    if (!going_to_expire(info))
        return;
    http_date_format(info->expires, date);
    answer_field(answer, "Upload-Expires", "%s", date);
}

void service_tell(struct answer *answer, const struct upload_info *info, uint64_t offset)
{
    if (info->state == UPLOAD_DAMAGED || info->state == UPLOAD_INVALIDATED)
        return; /* nobody can go on with it anywhere: some clients take the field alone for success */

    /* "The response to a HEAD request for a final upload SHOULD NOT contain the Upload-Offset header unless
     *  the concatenation has been successfully finished."  — tus, Concatenation */
    if (info->kind != UPLOAD_FINAL || info->state == UPLOAD_COMPLETE)
        answer_field(answer, "Upload-Offset", "%" PRIu64, offset);
    service_tell_expires(answer, info);
}

/* RFC 9530, 3: Repr-Digest is for algorithms that are registered (5). BLAKE2b is not: it has a field of our
 * own, which is written alike. */
void service_tell_digest(struct answer *answer, const struct upload_info *info)
{
    const struct digest_value *digest = &info->digest;
    char text[CONTENT_DIGEST_BYTES] = { 0 };

    if (info->state != UPLOAD_COMPLETE || digest->algorithm == DIGEST_NONE)
        return;
    if (digest->algorithm == DIGEST_SHA256) {
        content_digest_format(digest, text);
        answer_field(answer, "Repr-Digest", "%s", text);
        return;
    }
    base64_encode(digest_value_bytes(digest), text);
    answer_field(answer, "Ferry-Digest", "%s=:%s:", digest_algorithm_name(digest->algorithm), text);
}
