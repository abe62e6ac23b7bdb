#include "server/ietf_receive.h"

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/refusal.h"
#include "server/ietf_answer.h"
#include "server/ietf_final.h"
#include "server/uploads.h"

enum {
    PROGRESS_MS = 1000
};

/* One request's content on its way. */
struct reception {
    struct exchange *exchange;
    const struct ietf_version *version;
    struct upload *upload;
    struct ietf_body *body;
    bool silent;   /* progress is not told */
    uint64_t told; /* the offset that the client has heard of */
    uint64_t told_at_ms;
};

/*
 * "While the request content is being processed, the server SHOULD send interim responses with a 104
 *  (Upload Resumption Supported) status code and the Upload-Offset header field set to the current offset
 *  ... These interim responses MUST NOT include the Location header field."  — draft, Upload Append
 */
static void reception_tell(struct reception *reception)
{
    struct answer interim = { .status = 104 };
    uint64_t offset = upload_offset(reception->upload);
    uint64_t now_ms = clock_monotonic_ms();

    if (reception->silent || offset == reception->told ||
        now_ms < reception->told_at_ms + PROGRESS_MS)
        return;
    ietf_answer_version(&interim, reception->version);
    answer_field(&interim, "Upload-Offset", "%" PRIu64, offset);
    if (exchange_interim(reception->exchange, &interim)) {
        reception->told = offset;
        reception->told_at_ms = now_ms;
    }
    answer_done(&interim);
}

/* Appends as much of the piece as there is memory for; the rest is given back, to be read again when
 * there is more. */
static int reception_take(struct reception *reception, struct bytes piece)
{
    struct ietf_body before = *reception->body;
    struct bytes fits = piece;
    size_t taken = 0;

    int beyond = ietf_body_take(reception->body, &fits);
    if (fits.count == 0)
        return beyond;
    int r = upload_append(reception->upload, fits, &taken);
    if (r != 0)
        return r;
    if (taken == fits.count)
        return beyond;

    *reception->body = before;
    fits.count = taken;
    (void)ietf_body_take(reception->body, &fits);
    exchange_unread(reception->exchange, piece.count - taken);
    return uploads_when_ready(reception->exchange, reception->upload);
}

static int reception_take_all(struct reception *reception)
{
    struct bytes piece;
    int r = 0;

    while (r == 0 && exchange_read(reception->exchange, &piece)) {
        r = reception_take(reception, piece);
        reception_tell(reception);
    }
    return r == 0 ? exchange_read_end(reception->exchange) : r;
}

int ietf_refuse_excess(struct exchange *exchange, const struct ietf_version *version,
                       struct upload *upload, int result)
{
    /* "the server MUST prevent the offset from exceeding the upload length by rejecting the request once
     *  the offset exceeds the length, marking the upload resource invalid and rejecting any further
     *  interaction with it"  — draft, Upload Append */
    if (result != REFUSED_EXCESS || !version->excess_invalidates)
        return result;
    int r = uploads_invalidate(exchange, upload);
    return r != 0 ? r : result;
}

/* The length, when this request is the first to know it. */
static int reception_state_length(struct reception *reception)
{
    const struct ietf_length *length = &reception->body->length;

    if (!length->known || upload_info(reception->upload)->length_known)
        return 0;
    return uploads_set_length(reception->exchange, reception->upload, length->bytes);
}

/* All of it is there. */
static int reception_end(struct reception *reception)
{
    reception->body->completes = ietf_body_ends(reception->body);
    return reception->body->completes ? ietf_final_finish(reception->exchange, reception->upload)
                                      : uploads_commit(reception->exchange, reception->upload);
}

static int reception_plain(struct reception *reception)
{
    int r = reception_state_length(reception);
    if (r != 0)
        return r;
    r = reception_take_all(reception);
    if (r == 0)
        return reception_end(reception);
    if (r == -ECANCELED)
        return r;

    (void)uploads_commit(reception->exchange,
                         reception->upload); /* upload_offset() tells how much */
    return ietf_refuse_excess(reception->exchange, reception->version, reception->upload, r);
}

/* Whether the bytes, when they are kept, complete an upload that is complete by its length: unverified. */
static bool reception_would_complete(const struct reception *reception)
{
    const struct upload_info *info = upload_info(reception->upload);

    return !info->explicit_completion && info->length_known &&
           upload_received(reception->upload) == info->length;
}

/*
 * "If the digests don't match the server SHOULD consider the transfer failed, not append the content to
 *  the upload resource, and signal the failure to the client."  — draft, Content Digests
 *
 * What breaks off, or is ended by a newer request, has no digest to be compared with, and is kept: "the
 * server SHOULD append as much of the request content as possible". Without that a whole file in one
 * request could not be resumed.
 *
 * Content that is not what its digest says changes nothing, the length neither.
 */
static int reception_verified(struct reception *reception, const struct content_digests *digests)
{
    upload_stage(reception->upload, digests->values[0].algorithm);

    int r = reception_take_all(reception);
    bool broken = r == -ECANCELED || r == REFUSED_ENDED;
    if (broken && !reception_would_complete(reception))
        upload_unstage(reception->upload);
    for (size_t i = 0; i < digests->count && r == 0; i++)
        r = uploads_verify(reception->exchange, reception->upload, &digests->values[i]);
    if (r == 0)
        r = reception_state_length(reception);
    if (r == 0)
        return reception_end(reception);
    return ietf_refuse_excess(reception->exchange, reception->version, reception->upload, r);
}

int ietf_receive(struct exchange *exchange, const struct ietf_version *version,
                 struct upload *upload, struct ietf_body *body,
                 const struct content_digests *digests)
{
    struct reception reception = {
        .exchange = exchange,
        .version = version,
        .upload = upload,
        .body = body,
        .silent = version->number == 0 || digests->count > 0,
        .told = upload_offset(upload),
        .told_at_ms = clock_monotonic_ms(),
    };

    return digests->count > 0 ? reception_verified(&reception, digests)
                              : reception_plain(&reception);
}
