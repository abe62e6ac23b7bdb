#include "server/status.h"

#include "base/cleanup.h"
#include "protocol/accept.h"
#include "server/json_text.h"
#include "server/service.h"
#include "server/status_json.h"
#include "server/uploads.h"

enum {
    PARTS_ON_LOOP = 100, /* take 0.3 ms, ten thousand 20 ms: more are written on a worker */
};

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

struct writing {
    const struct exchange *exchange;
    const struct upload_info *info;
    const struct status_parts *parts;
    char *text;
};

static int writing_run(void *argument)
{
    struct writing *writing = argument;

    writing->text = json_text(status_of(writing->exchange, writing->info, writing->parts));
    return 0;
}

int status_look(struct exchange *exchange, const struct upload_id *id, struct upload_info *ret_info,
                char **ret_text)
{
    struct store *store = service_of(exchange)->store;
    AUTO_FREE struct upload_part_info *infos = NULL;
    struct status_parts parts = { 0 };
    struct writing writing = { .exchange = exchange, .info = ret_info, .parts = &parts };

    int r = uploads_find(exchange, store, id, ret_info);
    if (r == 0 && ret_info->kind == UPLOAD_FINAL)
        r = uploads_parts(exchange, store, id, &infos, &parts.count);
    if (r != 0)
        return r;

    parts.infos = infos;
    r = parts.count > PARTS_ON_LOOP ? offload(exchange, writing_run, &writing)
                                    : writing_run(&writing);
    *ret_text = writing.text;
    return r;
}

int status(struct exchange *exchange)
{
    CLEANUP(upload_info_done) struct upload_info info = { 0 };
    struct answer *answer = exchange_answer(exchange);
    char *text = NULL;
    struct upload_id id;

    exchange_name_operation(exchange, OPERATION_STATUS);
    int r = service_upload_id(exchange, &id);
    if (r == 0)
        r = status_look(exchange, &id, &info, &text);
    if (r != 0)
        return r;

    answer_json(answer, 200, text);
    service_tell(answer, &info, info.offset);
    return 0;
}
