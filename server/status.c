#include "server/status.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "protocol/accept.h"
#include "server/service.h"
#include "server/status_json.h"
#include "server/uploads.h"

bool status_preferred(const struct exchange *exchange)
{
    return accept_prefers(exchange_message(exchange), "application/json;charset=utf-8",
                          "application/octet-stream");
}

static void status_answer(struct exchange *exchange, const struct upload_info *info)
{
    const struct service *service = service_of(exchange);
    struct answer *answer = exchange_answer(exchange);
    AUTO_FREE char *file = upload_path(service->store, &info->id);
    AUTO_FREE char *url = NULL;
    char *text = NULL;

    if (asprintf(&url, "%s%s", service->base_path, upload_id_format(&info->id).text) < 0)
        url = NULL;
    if (url != NULL && file != NULL)
        text = status_json(info, url, file);
    answer_content(answer, 200, "application/json", text, text == NULL ? 0 : strlen(text));
    service_tell(answer, info, info->offset);
}

int status(struct exchange *exchange)
{
    struct upload_info info = { 0 };
    struct upload_id id;

    int r = service_upload_id(exchange, &id);
    if (r == 0)
        r = uploads_find(exchange, service_of(exchange)->store, &id, &info);
    if (r == 0)
        status_answer(exchange, &info);
    upload_info_done(&info);
    return r;
}
