#include "server/receive.h"

#include <errno.h>

#include "server/uploads.h"

/* Appends as much of the piece as there is memory for; the rest is given back, to be read again when
 * there is more. */
static int receive_piece(struct exchange *exchange, struct upload *upload, struct tus_body *body,
                         struct bytes piece)
{
    struct tus_body before = *body;
    struct bytes fits = piece;
    size_t taken = 0;

    int beyond = tus_body_take(body, &fits);
    if (fits.count == 0)
        return beyond; /* said as for a stated length, of a complete upload, too */
    int r = upload_append(upload, fits, &taken);
    if (r != 0)
        return r;
    if (taken == fits.count)
        return beyond;

    *body = before;
    fits.count = taken;
    (void)tus_body_take(body, &fits);
    exchange_unread(exchange, piece.count - taken);
    return uploads_when_ready(exchange, upload);
}

static int receive_pieces(struct exchange *exchange, struct upload *upload, struct tus_body *body)
{
    struct bytes piece;
    int r = 0;

    while (r == 0 && exchange_read(exchange, &piece))
        r = receive_piece(exchange, upload, body, piece);
    return r == 0 ? exchange_read_end(exchange) : r;
}

int receive_keep(struct exchange *exchange, struct upload *upload, const struct tus_body *body)
{
    switch (tus_body_end(body, upload_received(upload))) {
    case TUS_END_NOTHING: return 0;
    case TUS_END_COMMIT: return uploads_commit(exchange, upload);
    case TUS_END_FINISH: return uploads_finish(exchange, upload);
    }
    return -EINVAL;
}

int receive_body(struct exchange *exchange, struct upload *upload, struct tus_body *body)
{
    int r = receive_pieces(exchange, upload, body);
    if (r == -ECANCELED)
        return r;

    int end = receive_keep(exchange, upload, body);
    return r != 0 ? r : end;
}

static int receive_trailer(struct exchange *exchange, struct tus_checksum *checksum)
{
    struct bytes value = { 0 };

    int r = exchange_trailer(exchange, "Upload-Checksum", &value);
    return r == 0 ? tus_checksum_complete(checksum, value.data == NULL ? NULL : &value) : r;
}

int receive_verified(struct exchange *exchange, struct upload *upload, struct tus_body *body,
                     struct tus_checksum *checksum)
{
    upload_stage(upload, tus_checksum_algorithm(checksum));

    int r = receive_pieces(exchange, upload, body);
    if (r == 0 && checksum->announced)
        r = receive_trailer(exchange, checksum);

    /* "Once the entire request has been received, the Server MUST verify the uploaded chunk against the
     *  provided checksum using the specified algorithm."  — tus, Checksum */
    for (size_t i = 0; i < checksum->count && r == 0; i++)
        r = uploads_verify(exchange, upload, &checksum->values[i]);
    return r;
}
