#include "server/capabilities.h"

#include <inttypes.h>

#include "protocol/ietf_field.h"
#include "protocol/tus_body.h"
#include "protocol/tus_checksum.h"
#include "protocol/tus_extension.h"
#include "protocol/tus_version.h"
#include "server/ietf_answer.h"
#include "server/service.h"

/* "A successful response indicated by the 204 No Content or 200 OK status MUST contain the Tus-Version
 *  header. It MAY include the Tus-Extension and Tus-Max-Size headers."  — tus, OPTIONS. With 200, because
 *  some clients of the IETF's protocol take nothing else.
 *
 * "The Upload-Limit header field SHOULD be included in the response to an OPTIONS request if limits apply."
 *  — draft, Limits */
int capabilities(struct exchange *exchange)
{
    const struct service *service = service_of(exchange);
    struct answer *answer = exchange_answer(exchange);
    char extensions[TUS_EXTENSIONS_BYTES];

    answer->status = 200;
    answer_field(answer, "Tus-Version", "%s", TUS_VERSIONS);
    tus_extensions_format(service->extensions, extensions);
    if (extensions[0] != '\0')
        answer_field(answer, "Tus-Extension", "%s", extensions);

    /* "The Tus-Checksum-Algorithm header MUST be included in the response to an OPTIONS request."
     *  — tus, Checksum */
    if ((service->extensions & TUS_CHECKSUM) != 0)
        answer_field(answer, "Tus-Checksum-Algorithm", "%s", TUS_CHECKSUM_ALGORITHMS);
    if (service->limits.max_size > 0)
        answer_field(answer, "Tus-Max-Size", "%" PRIu64, service->limits.max_size);

    ietf_answer_limits(exchange, answer, ietf_version_of(exchange_message(exchange)));
    answer_field(answer, "Accept-Patch", "%s, %s", IETF_MEDIA_TYPE, TUS_MEDIA_TYPE);
    return 0;
}
