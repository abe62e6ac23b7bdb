#include "server/status.h"

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

static void status_answer(struct exchange *exchange, const struct upload_info *info,
                          const struct status_parts *parts)
{
    const struct service *service = service_of(exchange);
    struct answer *answer = exchange_answer(exchange);
    AUTO_FREE char *file = upload_path(service->store, &info->id);
    char *text = NULL;

    if (file != NULL)
        text = status_json(info, parts, service->base_path, file);
    answer_content(answer, 200, "application/json", text, text == NULL ? 0 : strlen(text));
    service_tell(answer, info, info->offset);
}

int status(struct exchange *exchange)
{
    struct store *store = service_of(exchange)->store;
    CLEANUP(upload_info_done) struct upload_info info = { 0 };
    AUTO_FREE struct upload_part_info *infos = NULL;
    struct status_parts parts = { 0 };
    struct upload_id id;

    int r = service_upload_id(exchange, &id);
    if (r == 0)
        r = uploads_find(exchange, store, &id, &info);
    if (r == 0 && info.kind == UPLOAD_FINAL)
        r = uploads_parts(exchange, store, &id, &infos, &parts.count);
    if (r != 0)
        return r;

    parts.infos = infos;
    status_answer(exchange, &info, &parts);
    return 0;
}
