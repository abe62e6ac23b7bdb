#include "server/status.h"

#include "base/cleanup.h"
#include "protocol/accept.h"
#include "server/json_text.h"
#include "server/service.h"
#include "server/status_json.h"
#include "server/uploads.h"

bool status_preferred(const struct exchange *exchange)
{
    return accept_prefers(exchange_message(exchange), "application/json;charset=utf-8",
                          "application/octet-stream");
}

struct json_t *status_of(const struct exchange *exchange, const struct upload_info *info,
                         const struct status_parts *parts)
{
    AUTO_FREE char *file = upload_path(service_of(exchange)->store, &info->id);
    AUTO_FREE char *base = service_url_base(exchange);

    return file == NULL || base == NULL ? NULL : status_json(info, parts, base, file);
}

int status_look(struct exchange *exchange, const struct upload_id *id, struct upload_info *ret_info,
                struct json_t **ret_status)
{
    struct store *store = service_of(exchange)->store;
    AUTO_FREE struct upload_part_info *infos = NULL;
    struct status_parts parts = { 0 };

    int r = uploads_find(exchange, store, id, ret_info);
    if (r == 0 && ret_info->kind == UPLOAD_FINAL)
        r = uploads_parts(exchange, store, id, &infos, &parts.count);
    if (r != 0)
        return r;

    parts.infos = infos;
    *ret_status = status_of(exchange, ret_info, &parts);
    return 0;
}

int status(struct exchange *exchange)
{
    CLEANUP(upload_info_done) struct upload_info info = { 0 };
    struct answer *answer = exchange_answer(exchange);
    struct json_t *json = NULL;
    struct upload_id id;

    exchange_name_operation(exchange, OPERATION_STATUS);
    int r = service_upload_id(exchange, &id);
    if (r == 0)
        r = status_look(exchange, &id, &info, &json);
    if (r != 0)
        return r;

    answer_json(answer, 200, json_text(json));
    service_tell(answer, &info, info.offset);
    return 0;
}
