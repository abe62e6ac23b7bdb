#include "server/create.h"

#include "base/cleanup.h"
#include "protocol/choice.h"
#include "protocol/idempotency_key.h"
#include "protocol/tus_creation.h"
#include "server/concatenate.h"
#include "server/receive.h"
#include "server/service.h"
#include "server/uploads.h"

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
 * Unless the request has a key, which would lead to nothing then for as long as it is remembered.
 */
static int create_verified(struct exchange *exchange, const struct upload_id *id,
                           struct tus_creation *creation, bool keyed)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;

    int r = uploads_open(exchange, service_of(exchange)->store, id, &upload);
    if (r == 0)
        r = receive_verified(exchange, upload, &creation->body, &creation->checksum);

    /* Where this fails, too, nobody knows of it, and it expires. */
    if (r != 0 && upload != NULL && !keyed)
        (void)uploads_delete(exchange, upload);
    if (r != 0)
        return r;

    service_answer_created(exchange, id);
    r = receive_keep(exchange, upload, &creation->body);
    service_tell(exchange_answer(exchange), upload_info(upload), upload_offset(upload));
    return r;
}

/*
 * A creation that is repeated: the client goes on from the offset that it is told, so who still writes, on
 * a connection that may be dead, is ended as by a HEAD. What it sends once more is not read.
 */
static int create_again(struct exchange *exchange, const struct upload_id *id)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;

    int r = uploads_open(exchange, service_of(exchange)->store, id, &upload);
    if (r != 0)
        return r;

    struct tus_upload state = service_tus_upload(upload_info(upload));
    r = tus_upload_check(&state);
    if (r != 0)
        return r;
    service_answer_created(exchange, id);
    service_tell(exchange_answer(exchange), upload_info(upload), upload_offset(upload));
    return 0;
}

/* Makes it, or finds the one that the same request has made before. */
static int create_upload(struct exchange *exchange, const struct tus_creation *creation,
                         struct upload_repeat repeat, struct upload_id *ret_id)
{
    const struct service *service = service_of(exchange);
    bool partial = creation->concat.kind == UPLOAD_CONCAT_PARTIAL;
    bool stated = creation->stated.algorithm != DIGEST_NONE;
    const struct upload_creation wanted = {
        .protocol = PROTOCOL_TUS,
        .kind = partial ? UPLOAD_PARTIAL : UPLOAD_SINGLE,
        .length_known = creation->length.known,
        .length = creation->length.bytes,
        .digest_algorithm = stated ? creation->stated.algorithm : service->digest_algorithm,
        .stated = creation->stated,
        .metadata = creation->metadata,
        .repeat = repeat,
    };

    return uploads_create(exchange, service->store, &wanted, ret_id);
}

int create(struct exchange *exchange)
{
    struct tus_creation creation;
    bool repeated = false;
    struct upload_repeat repeat = { .ret_repeated = &repeated };
    struct upload_id id;

    int r = tus_creation_parse(exchange_message(exchange), exchange_framing(exchange),
                               service_of(exchange)->limits, &creation);
    if (r == 0)
        r = idempotency_key_field(exchange_message(exchange), &repeat.key);
    if (r == 0 && creation.concat.kind == UPLOAD_CONCAT_FINAL)
        return concatenate(exchange, &creation, repeat.key);
    if (r == 0)
        r = create_upload(exchange, &creation, repeat, &id);
    if (r != 0)
        return r;

    if (repeated)
        return create_again(exchange, &id);
    if (tus_checksum_expected(&creation.checksum))
        return create_verified(exchange, &id, &creation, repeat.key.count > 0);
    if (!creation.appends && !(creation.length.known && creation.length.bytes == 0))
        return service_tell_created(exchange, &id);
    service_answer_created(exchange, &id);
    return create_receive(exchange, &id, &creation);
}
