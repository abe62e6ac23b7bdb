#include "server/ietf_cancel.h"

#include "base/cleanup.h"
#include "server/download.h"
#include "server/ietf_answer.h"
#include "server/service.h"
#include "server/uploads.h"

/* "Upon receiving a DELETE request, the server SHOULD deactivate the upload resource."  — draft, Upload
 *  Cancellation */
int ietf_cancel(struct exchange *exchange)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    const struct message *message = exchange_message(exchange);
    const struct ietf_version *version = ietf_version_of(message);
    struct answer *answer = exchange_answer(exchange);
    struct upload_id id;

    ietf_answer_version(answer, version);
    int r = ietf_fields_check(message, version, version->delete_excludes);
    if (r == 0)
        r = service_upload_id(exchange, &id);
    if (r == 0)
        r = uploads_check_and_open(exchange, service_of(exchange)->store, &id,
                                   download_check_change, exchange,
                                   &upload); /* ends an older one */
    if (r == 0)
        r = uploads_delete(exchange, upload);
    if (r == 0)
        answer->status = 204;
    return ietf_answer_result(answer, version, r, 0, 0);
}
