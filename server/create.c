#include "server/create.h"

#include "base/cleanup.h"
#include "protocol/choice.h"
#include "protocol/tus_creation.h"
#include "server/receive.h"
#include "server/service.h"
#include "server/uploads.h"

/* "The Server MUST acknowledge a successful upload creation with the 201 Created status. The Server MUST
 *  set the Location header to the URL of the created resource."  — tus, Creation, POST */
static void create_answer(struct exchange *exchange, const struct upload_id *id)
{
    struct answer *answer = exchange_answer(exchange);

    answer->status = 201;
    answer_field(answer, "Location", "%s%s", service_of(exchange)->base_path,
                 upload_id_format(id).text);
}

/* The body, or its absence: an upload of length 0 is complete at once. */
static int create_receive(struct exchange *exchange, const struct upload_id *id,
                          struct tus_creation *creation)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;

    int r = uploads_open(exchange, service_of(exchange)->store, id, &upload);
    if (r != 0)
        return r;

    r = creation->appends ? receive_body(exchange, upload, &creation->body)
                          : uploads_finish(exchange, upload);
    service_tell(exchange_answer(exchange), upload_info(upload), upload_offset(upload));
    return r;
}

/*
 * All or nothing: a body with a checksum is "similar rules as for the PATCH request", Creation With Upload,
 * and of a chunk that was not verified nothing may be left: neither is the upload that it should begin.
 */
static int create_verified(struct exchange *exchange, const struct upload_id *id,
                           struct tus_creation *creation)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;

    int r = uploads_open(exchange, service_of(exchange)->store, id, &upload);
    if (r == 0)
        r = receive_verified(exchange, upload, &creation->body, &creation->checksum);
    if (r != 0 && upload != NULL) /* where this fails, too, nobody knows of it, and it expires */
        (void)uploads_delete(exchange, upload);
    if (r != 0)
        return r;

    create_answer(exchange, id);
    r = receive_keep(exchange, upload, &creation->body);
    service_tell(exchange_answer(exchange), upload_info(upload), upload_offset(upload));
    return r;
}

static int create_tell(struct exchange *exchange, const struct upload_id *id)
{
    struct upload_info info = { 0 };

    int r = uploads_find(exchange, service_of(exchange)->store, id, &info);
    if (r == 0)
        service_tell(exchange_answer(exchange), &info, info.offset);
    upload_info_done(&info);
    return r;
}

int create(struct exchange *exchange)
{
    const struct service *service = service_of(exchange);
    struct tus_creation creation;
    struct upload_id id;

    int r = tus_creation_parse(exchange_message(exchange), exchange_framing(exchange),
                               service->limits, &creation);
    if (r != 0)
        return r;

    struct upload_creation wanted = {
        .protocol = PROTOCOL_TUS,
        .kind = UPLOAD_SINGLE,
        .length_known = creation.length.known,
        .length = creation.length.bytes,
        .digest_algorithm = service->digest_algorithm,
        .stated = creation.stated,
        .metadata = creation.metadata,
    };
    if (creation.stated.algorithm != DIGEST_NONE)
        wanted.digest_algorithm = creation.stated.algorithm;
    r = uploads_create(exchange, service->store, &wanted, &id);
    if (r != 0)
        return r;
    if (tus_checksum_expected(&creation.checksum))
        return create_verified(exchange, &id, &creation);

    create_answer(exchange, &id);
    if (creation.appends || (creation.length.known && creation.length.bytes == 0))
        return create_receive(exchange, &id, &creation);
    return create_tell(exchange, &id);
}
