/*
 * A creation brings the piece along. The server announces the upload's URL by an interim response, 104,
 * while the piece is on its way, and whatever breaks then can be resumed. Where none comes, the
 * answer has the URL; sending.c creates without bytes when even that was lost.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "tools/ferry/base64.h"
#include "tools/ferry/disposition.h"
#include "tools/ferry/protocol.h"

enum {
    IETF_VERSION = 10,
    IETF_INTERIM_STATUS = 104,
    FIELD_BYTES = 64,
    CONTENT_DIGEST_BYTES = 128, /* 64 bytes in Base64, and what is around them */
};

static const char ietf_version[] = "Upload-Draft-Interop-Version: 10";

/* No server announces that it knows Content-Digest; RFC 9530 has these two for it. */
static enum outcome ietf_check(struct transfer *transfer, const char *endpoint,
                               enum digest_algorithm algorithm, struct checking *ret_checking,
                               struct answer *answer)
{
    (void)transfer;
    (void)endpoint;
    if (algorithm != DIGEST_SHA256 && algorithm != DIGEST_SHA512)
        return upload_refuse(answer, "with --protocol ietf, --checksum is sha256 or sha512");
    *ret_checking = (struct checking){ .algorithm = algorithm };
    return OUTCOME_OK;
}

/* The answer is the last one: of the upload, not only of this request. */
static bool ietf_final(const struct response *response)
{
    return response->complete_known && response->complete;
}

/* 413: less at a time may do, unless it is the whole that is too much. */
static enum outcome ietf_too_much(const struct piece *piece, const struct response *response)
{
    bool whole =
        response->size_max > 0 && piece->length_known && piece->length > response->size_max;
    return whole || piece->count == 0 ? OUTCOME_REFUSED : OUTCOME_SMALLER;
}

/*
 * The draft's rules of retrying: 409 can be resumed from if it says that the upload is not complete, 413
 * asks for less at a time, 429 for later, 5xx for another try behind a HEAD, and every other 4xx is the
 * end; RFC 9110, 15.5.9 adds 408. The final answer is the end whatever its status.
 */
static enum outcome ietf_outcome(const struct piece *piece, const struct response *response)
{
    int status = response->status;

    if (status >= 200 && status < 300)
        return OUTCOME_OK;
    if (ietf_final(response))
        return OUTCOME_REFUSED;
    if (status >= 500)
        return OUTCOME_RETRY;
    switch (status) {
    case 404:
    case 410: return OUTCOME_GONE;
    case 408:
    case 429: return OUTCOME_RETRY;
    case 409: return response->complete_known ? OUTCOME_RETRY : OUTCOME_REFUSED;
    case 413: return ietf_too_much(piece, response);
    default: return OUTCOME_REFUSED;
    }
}

/* One request that brings a piece. */
struct bringing {
    const struct piece *piece;
    bool announced; /* the upload's URL was told on the way */
    char offset[FIELD_BYTES];
    char length[FIELD_BYTES];
    char digest[CONTENT_DIGEST_BYTES];
};

static void bringing_moved(void *context, uint64_t position)
{
    piece_moved(((struct bringing *)context)->piece, position);
}

static void bringing_passed(void *context, uint64_t position, struct bytes bytes)
{
    piece_passed(((struct bringing *)context)->piece, position, bytes);
}

/* An interim response of another interop version may mean something else. */
static bool bringing_interim(void *context, const char *asked, const struct interim *interim)
{
    CLEANUP(standing_done) struct standing standing = { 0 };
    struct bringing *bringing = context;
    const struct piece *piece = bringing->piece;

    if (interim->status != IETF_INTERIM_STATUS || interim->version != IETF_VERSION)
        return true;
    if (interim->location != NULL)
        standing.url = address_resolve(asked, interim->location);
    standing.offset_known = interim->offset_known;
    standing.offset = interim->offset;
    bringing->announced |= standing.url != NULL;
    return piece_told(piece, &standing);
}

/* "Content-Digest: sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:" - RFC 9530, 2 */
static int bringing_digest(struct bringing *bringing)
{
    struct digest_value value;

    int r = piece_digest(bringing->piece, &value);
    if (r != 0)
        return r;
    struct bytes bytes = digest_value_bytes(&value);
    char *end =
        bringing->digest +
        snprintf(bringing->digest, CONTENT_DIGEST_BYTES,
                 "Content-Digest: %s=:", value.algorithm == DIGEST_SHA256 ? "sha-256" : "sha-512");
    end = base64_format(bytes.data, bytes.count, end);
    (void)snprintf(end, 2, ":");
    return 0;
}

/* Runs the request, which has the method's own fields. */
static enum outcome bringing_run(struct bringing *bringing, struct transfer *transfer,
                                 struct request *request, struct response *response,
                                 struct answer *answer)
{
    const struct piece *piece = bringing->piece;
    bool checked = piece->checking.algorithm != DIGEST_NONE;

    *answer = (struct answer){ 0 };
    if (checked && bringing_digest(bringing) != 0)
        return OUTCOME_BROKEN;
    request_add(request, ietf_version);
    request_add(request, piece_last(piece) ? "Upload-Complete: ?1" : "Upload-Complete: ?0");
    request_add(request, checked ? bringing->digest : NULL);
    request->moved = bringing_moved;
    request->passed = bringing_passed;
    request->interim = bringing_interim;
    request->context = bringing;

    enum outcome outcome = upload_run(transfer, request, response, answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    outcome = ietf_outcome(piece, response);
    /* what arrived damaged is 400, as so much else: the next try will tell */
    answer->damaged = checked && outcome == OUTCOME_REFUSED && response->status == 400;
    return answer->damaged ? OUTCOME_RETRY : outcome;
}

/* What a 2xx answer means for the piece. */
static enum outcome bringing_judge(const struct piece *piece, const struct response *response,
                                   struct standing *standing, struct answer *answer)
{
    uint64_t end = piece->offset + response->taken;

    standing->complete = ietf_final(response);
    if (standing->complete && (!piece_last(piece) || response->taken < piece->count))
        return upload_refuse(answer, "the server calls the upload complete before its end");
    if (standing->complete || !standing->offset_known)
        standing->offset = end; /* success means that all of it was taken */
    standing->offset_known = true;
    if (standing->offset < piece->offset || standing->offset > end)
        return upload_refuse(answer, "the server claims an offset that cannot be");
    if (!piece_last(piece) || standing->complete)
        return OUTCOME_OK;

    standing->offset_known = false; /* the next HEAD will tell */
    (void)upload_refuse(answer, "the answer does not say that the upload is complete");
    return OUTCOME_RETRY;
}

/* What the file is called and what it is; Upload-Metadata has the rest, for servers that know it. */
struct description {
    char *disposition, *type, *metadata;
};

static void description_done(struct description *description)
{
    free(description->disposition);
    free(description->type);
    free(description->metadata);
}

static bool text_printable(const char *text)
{
    for (const char *letter = text; *letter != '\0'; letter++)
        if (*letter < ' ' || *letter > '~')
            return false;
    return *text != '\0';
}

static enum outcome description_of(const struct metadata *metadata, struct description *description,
                                   struct answer *answer)
{
    const char *name = metadata_find(metadata, "filename");
    const char *type = metadata_find(metadata, "filetype");
    AUTO_FREE char *disposition = name == NULL ? NULL : disposition_format(name);

    if (disposition != NULL &&
        asprintf(&description->disposition, "Content-Disposition: %s", disposition) < 0)
        description->disposition = NULL;
    if (type != NULL && text_printable(type) &&
        asprintf(&description->type, "Content-Type: %s", type) < 0)
        description->type = NULL;
    return upload_metadata(metadata, &description->metadata, answer);
}

static enum outcome ietf_create(struct transfer *transfer, const struct creation *creation,
                                const struct piece *piece, struct standing *standing,
                                struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    CLEANUP(description_done) struct description description = { 0 };
    struct bringing bringing = { .piece = piece };
    struct request request = piece_request(piece, "POST", creation->endpoint);

    enum outcome outcome = description_of(creation->metadata, &description, answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    (void)snprintf(bringing.length, FIELD_BYTES, "Upload-Length: %" PRIu64, piece->length);
    request_add(&request, piece->length_known ? bringing.length : NULL);
    request_add(&request, description.type);
    request_add(&request, description.disposition);
    request_add(&request, description.metadata);
    outcome = bringing_run(&bringing, transfer, &request, &response, answer);
    standing_read(&response, standing);
    if (response.location != NULL && response.asked != NULL)
        standing->url = address_resolve(response.asked, response.location);
    if (outcome != OUTCOME_OK)
        return outcome;

    if (piece_last(piece) && !response.complete_known)
        return upload_refuse(answer,
                             "the server does not say that the upload is complete (no "
                             "Upload-Complete); does it speak the IETF's resumable "
                             "uploads?");
    outcome = bringing_judge(piece, &response, standing, answer);
    if (standing->complete || bringing.announced || outcome == OUTCOME_REFUSED)
        return outcome;
    free(TAKE_PTR(standing->url));
    enum outcome named = upload_location(&response, &standing->url, answer);
    return named == OUTCOME_OK ? outcome : named;
}

/*
 * The upload was complete before, but its final answer did not come, and it may have been a refusal. An
 * append of nothing asks for it; a server that does not repeat it refuses that, and what HEAD has told
 * is enough.
 */
static bool append_unrepeated(const struct piece *piece, const struct response *response)
{
    return piece->closed && piece->count == 0 && response->status >= 400 &&
           response->status < 500 && !ietf_final(response);
}

static enum outcome ietf_append(struct transfer *transfer, const char *url,
                                const struct piece *piece, struct standing *standing,
                                struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    struct bringing bringing = { .piece = piece };
    struct request request = piece_request(piece, "PATCH", url);

    (void)snprintf(bringing.offset, FIELD_BYTES, "Upload-Offset: %" PRIu64, piece->offset);
    request_add(&request, "Content-Type: application/partial-upload");
    request_add(&request, bringing.offset);
    enum outcome outcome = bringing_run(&bringing, transfer, &request, &response, answer);
    standing_read(&response, standing);
    if (append_unrepeated(piece, &response)) {
        *standing =
            (struct standing){ .offset_known = true, .offset = piece->offset, .complete = true };
        return OUTCOME_OK;
    }
    if (outcome == OUTCOME_OK)
        return bringing_judge(piece, &response, standing, answer);
    standing->offset_known &= response.status == 409; /* only a conflict tells where to go on */
    return outcome;
}

static enum outcome ietf_ask(struct transfer *transfer, const char *url, struct standing *standing,
                             struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };

    enum outcome outcome = upload_head(transfer, url, ietf_version, &response, answer);
    standing_read(&response, standing);
    standing->closed = ietf_final(&response);
    return outcome;
}

const struct protocol protocol_ietf = {
    .name = "ietf",
    .creation_brings = true,
    .check = ietf_check,
    .create = ietf_create,
    .ask = ietf_ask,
    .append = ietf_append,
};
