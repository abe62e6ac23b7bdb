#include "server/cors.h"

#include "protocol/origin.h"
#include "server/service.h"

/* What a script may do, send and read; each in the order of the alphabet. */
#define METHODS "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
#define SENT                                                                                \
    "Authorization, Content-Digest, Content-Disposition, Content-Type, Idempotency-Key, "   \
    "If-Match, If-None-Match, If-Range, Incremental, Last-Event-ID, Origin, Range, "        \
    "Repr-Digest, Tus-Resumable, Upload-Checksum, Upload-Complete, Upload-Concat, "         \
    "Upload-Defer-Length, Upload-Draft-Interop-Version, Upload-Incomplete, Upload-Length, " \
    "Upload-Metadata, Upload-Offset, Want-Content-Digest, Want-Repr-Digest, "               \
    "X-HTTP-Method-Override, X-Request-ID, X-Requested-With"
#define READ                                                                                         \
    "Accept-Ranges, Content-Digest, Content-Disposition, Content-Range, ETag, Ferry-Digest, "        \
    "Location, Repr-Digest, Retry-After, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, "      \
    "Tus-Resumable, Tus-Version, Upload-Complete, Upload-Concat, Upload-Defer-Length, "              \
    "Upload-Draft-Interop-Version, Upload-Expires, Upload-Incomplete, Upload-Length, Upload-Limit, " \
    "Upload-Metadata, Upload-Offset, X-Request-ID"

#define PREFLIGHT_S "86400" /* how long browsers may keep the answer; they cap it themselves */

/* "A CORS-preflight request ... uses `OPTIONS` as method and includes these headers:
 *  `Access-Control-Request-Method` ..."  — Fetch, "HTTP requests" */
static bool is_preflight(const struct message *message)
{
    return bytes_equal_text(message->method, "OPTIONS") &&
           message_field_count(message, "Access-Control-Request-Method") > 0;
}

void cors_finish(struct exchange *exchange, struct answer *answer)
{
    const struct message *message = exchange_message(exchange);
    struct bytes allowed = bytes_of_text(service_of(exchange)->cors_origins);
    bool all = origin_list_has_all(allowed);
    struct bytes origin;

    if (!message_field(message, "Origin", &origin) || (!all && !origin_list_has(allowed, origin)))
        return;
    answer_field(answer, "Access-Control-Allow-Origin", "%.*s", all ? 1 : (int)origin.count,
                 all ? "*" : (const char *)origin.data);
    answer_field(answer, "Access-Control-Expose-Headers", READ);
    if (is_preflight(message)) {
        answer_field(answer, "Access-Control-Allow-Methods", METHODS);
        answer_field(answer, "Access-Control-Allow-Headers", SENT);
        answer_field(answer, "Access-Control-Max-Age", PREFLIGHT_S);
    }
}
