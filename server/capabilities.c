#include "server/capabilities.h"

#include <inttypes.h>

#include "protocol/tus_checksum.h"
#include "protocol/tus_extension.h"
#include "protocol/tus_version.h"
#include "server/service.h"

/* "A successful response indicated by the 204 No Content or 200 OK status MUST contain the Tus-Version
 *  header. It MAY include the Tus-Extension and Tus-Max-Size headers."  — tus, OPTIONS. With 200, because
 *  some clients of the IETF's protocol take nothing else. */
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
    return 0;
}
