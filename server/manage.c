#include "server/manage.h"

#include "base/cleanup.h"
#include "base/refusal.h"
#include "server/admin.h"
#include "server/status.h"
#include "server/uploads.h"

/* What stands between ADMIN_UPLOADS and the next slash. */
static int manage_id(const struct exchange *exchange, struct upload_id *ret_id)
{
    struct bytes name = bytes_after(exchange_path(exchange), strlen(ADMIN_UPLOADS));
    const uint8_t *slash = memchr(name.data, '/', name.count);

    if (slash != NULL)
        name.count = (size_t)(slash - name.data);
    return upload_id_parse(name, ret_id) ? 0 : REFUSED_UNKNOWN_UPLOAD;
}

int manage_tell(struct exchange *exchange)
{
    CLEANUP(upload_info_done) struct upload_info info = { 0 };
    char *text = NULL;
    struct upload_id id;

    int r = manage_id(exchange, &id);
    if (r == 0)
        r = status_look(exchange, &id, &info, &text);
    if (r == 0)
        answer_json(exchange_answer(exchange), 200, text);
    return r;
}

int manage_delete(struct exchange *exchange)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    struct upload_id id;

    int r = manage_id(exchange, &id);
    if (r == 0)
        r = uploads_open(exchange, service_of(exchange)->store, &id, &upload);
    if (r == 0)
        r = uploads_delete(exchange, upload);
    if (r == 0)
        exchange_answer(exchange)->status = 204;
    return r;
}

int manage_expire(struct exchange *exchange)
{
    struct upload_id id;

    int r = manage_id(exchange, &id);
    if (r == 0)
        r = uploads_expire(exchange, service_of(exchange)->store, &id);
    if (r == 0)
        exchange_answer(exchange)->status = 204;
    return r;
}
