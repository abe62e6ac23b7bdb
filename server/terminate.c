#include "server/terminate.h"

#include "base/cleanup.h"
#include "protocol/tus_version.h"
#include "server/download.h"
#include "server/service.h"
#include "server/uploads.h"

/* "When receiving a DELETE request for an existing upload the Server SHOULD free associated resources and
 *  MUST respond with the 204 No Content status confirming that the upload was terminated."
 *  — tus, Termination, DELETE */
int terminate(struct exchange *exchange)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    struct upload_id id;

    int r = tus_version_check(exchange_message(exchange));
    if (r == 0)
        r = service_upload_id(exchange, &id);
    if (r == 0)
        r = uploads_check_and_open(exchange, service_of(exchange)->store, &id,
                                   download_check_change, exchange,
                                   &upload); /* ends an older one */
    if (r == 0)
        r = uploads_delete(exchange, upload);
    if (r == 0)
        exchange_answer(exchange)->status = 204;
    return r;
}
