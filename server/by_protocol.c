#include "server/by_protocol.h"

#include "base/refusal.h"
#include "protocol/choice.h"
#include "server/append.h"
#include "server/create.h"
#include "server/ietf_append.h"
#include "server/ietf_cancel.h"
#include "server/ietf_create.h"
#include "server/ietf_offset.h"
#include "server/offset.h"
#include "server/service.h"
#include "server/status.h"
#include "server/terminate.h"
#include "server/uploads.h"

static bool speaks_ietf(const struct exchange *exchange)
{
    return protocol_choose(exchange_message(exchange)) == PROTOCOL_IETF;
}

/* Upload-Complete that is no boolean marks nothing, but nor is the request one of tus: the sentence that
 * helps is the other protocol's. */
static bool means_ietf(const struct exchange *exchange)
{
    const struct message *message = exchange_message(exchange);

    return speaks_ietf(exchange) || (protocol_choose(message) == PROTOCOL_NONE &&
                                     (message_field_count(message, "Upload-Complete") > 0 ||
                                      message_field_count(message, "Upload-Incomplete") > 0));
}

int create_by_protocol(struct exchange *exchange)
{
    return means_ietf(exchange) ? ietf_create(exchange) : create(exchange);
}

int put_by_protocol(struct exchange *exchange)
{
    if (means_ietf(exchange))
        return ietf_create(exchange);
    answer_field(exchange_answer(exchange), "Allow", "OPTIONS, POST");
    return REFUSED_METHOD;
}

int append_by_protocol(struct exchange *exchange)
{
    return means_ietf(exchange) ? ietf_append(exchange) : append(exchange);
}

/* Where the request does not say, whoever created the upload does. Refuses as upload_find(). */
static int upload_speaks_ietf(struct exchange *exchange, bool *ret_ietf)
{
    enum protocol protocol = protocol_choose(exchange_message(exchange));
    struct upload_info info = { 0 };
    struct upload_id id;

    *ret_ietf = protocol == PROTOCOL_IETF;
    if (protocol != PROTOCOL_NONE || service_upload_id(exchange, &id) != 0)
        return 0;
    int r = uploads_find(exchange, service_of(exchange)->store, &id, &info);
    if (r == 0)
        *ret_ietf = info.protocol == PROTOCOL_IETF;
    upload_info_done(&info);
    return r;
}

int offset_by_protocol(struct exchange *exchange)
{
    bool ietf = false;

    if (protocol_choose(exchange_message(exchange)) == PROTOCOL_NONE && status_preferred(exchange))
        return status(exchange);
    int r = upload_speaks_ietf(exchange, &ietf);
    if (r != 0)
        return r;
    return ietf ? ietf_offset(exchange) : offset(exchange);
}

int delete_by_protocol(struct exchange *exchange)
{
    bool ietf = false;

    int r = upload_speaks_ietf(exchange, &ietf);
    if (r != 0)
        return r;
    return ietf ? ietf_cancel(exchange) : terminate(exchange);
}
