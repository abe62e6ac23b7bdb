#include "tools/ferry/upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "digest/digest.h"
#include "tools/ferry/base64.h"

enum {
    FIELD_BYTES = 64,
    CHECKSUM_BYTES = 160, /* 64 bytes in Base64, and the names before them */
};

static const char tus_version[] = "Tus-Resumable: 1.0.0";

/*
 * What an answer means for the next step. Retried is what tells nothing about the request: no
 * answer, 5xx, another request on the same upload (409, 423), too many requests (429), and a server
 * that waited too long for the body (408, which RFC 9110 15.5.9 lets a client repeat).
 */
static enum outcome outcome_of_status(int status)
{
    if (status >= 200 && status < 300)
        return OUTCOME_OK;
    if (status >= 500)
        return OUTCOME_RETRY;
    switch (status) {
    case 404:
    case 410: return OUTCOME_GONE;
    case 408:
    case 409:
    case 423:
    case 429: return OUTCOME_RETRY;
    default: return OUTCOME_REFUSED;
    }
}

static const char *status_advice(int status)
{
    switch (status) {
    case 301:
    case 302:
    case 303: return "; use the address it redirects to";
    case 401:
    case 403: return "; are credentials needed (--header 'Authorization: ...')?";
    case 404:
    case 410: return "; there is no such upload, or no upload endpoint";
    case 405: return "; is this the URL of a tus endpoint?";
    case 412: return "; it does not speak tus 1.0.0";
    case 413: return "; it does not take so much";
    case 460: return "; bytes were damaged on the way";
    default: return "";
    }
}

static enum outcome outcome_refuse(struct answer *answer, const char *reason)
{
    (void)snprintf(answer->reason, sizeof(answer->reason), "%s", reason);
    return OUTCOME_REFUSED;
}

/* Runs the request; unless the result is OUTCOME_OK, the reason is filled in. */
static enum outcome upload_request(struct transfer *transfer, const struct request *request,
                                   struct response *response, struct answer *answer)
{
    enum transfer_result result = transfer_run(transfer, request, response);
    char told[RESPONSE_REASON_BYTES];

    *answer = (struct answer){
        .retry_after_s = response->retry_after_s,
        .sent = response->sent,
        .taken = response->taken,
    };
    response_describe(response, told);
    (void)snprintf(answer->reason, sizeof(answer->reason), "%.*s%s",
                   RESPONSE_REASON_BYTES - FIELD_BYTES, told, status_advice(response->status));
    switch (result) {
    case TRANSFER_ANSWERED: return outcome_of_status(response->status);
    case TRANSFER_LOST: return OUTCOME_RETRY;
    case TRANSFER_IMPOSSIBLE: return OUTCOME_REFUSED;
    case TRANSFER_STOPPED: return OUTCOME_STOPPED;
    case TRANSFER_BROKEN: return OUTCOME_BROKEN;
    }
    return OUTCOME_REFUSED;
}

enum outcome upload_create(struct transfer *transfer, const char *endpoint,
                           const struct creation *creation, char **ret_url, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    char length[FIELD_BYTES] = "Upload-Defer-Length: 1";
    AUTO_FREE char *metadata = NULL;

    if (creation->length_known)
        (void)snprintf(length, sizeof(length), "Upload-Length: %" PRIu64, creation->length);
    if (creation->metadata != NULL &&
        asprintf(&metadata, "Upload-Metadata: %s", creation->metadata) < 0)
        return outcome_refuse(answer, "out of memory");
    struct request request = {
        .method = "POST",
        .url = endpoint,
        .fields = { tus_version, length, metadata },
    };

    enum outcome outcome = upload_request(transfer, &request, &response, answer);
    if (outcome == OUTCOME_GONE)
        return OUTCOME_REFUSED; /* the endpoint itself */
    if (outcome != OUTCOME_OK)
        return outcome;

    *ret_url = response.asked == NULL || response.location == NULL
                   ? NULL
                   : address_resolve(response.asked, response.location);
    if (*ret_url == NULL)
        return outcome_refuse(answer, response.location == NULL
                                          ? "the answer names no upload (no Location); "
                                            "is this the URL of a tus endpoint?"
                                          : "the answer names an upload that is not to be trusted "
                                            "(Location)");
    return OUTCOME_OK;
}

static enum outcome upload_head(struct transfer *transfer, const char *url, const char *version,
                                struct response *response, struct answer *answer)
{
    struct request request = { .method = "HEAD", .url = url, .fields = { version } };

    enum outcome outcome = upload_request(transfer, &request, response, answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!response->offset_known)
        return outcome_refuse(answer,
                              "the answer tells no offset; is this the URL of a tus upload?");
    if (response->length_known && response->offset > response->length)
        return outcome_refuse(answer, "the server claims more bytes than the upload has");
    return OUTCOME_OK;
}

enum outcome upload_ask(struct transfer *transfer, const char *url, struct response *response,
                        struct answer *answer)
{
    return upload_head(transfer, url, tus_version, response, answer);
}

enum outcome upload_look(struct transfer *transfer, const char *url, struct response *response,
                         struct answer *answer)
{
    enum outcome outcome = upload_head(transfer, url, NULL, response, answer);

    /* servers other than Ferry may want the version all the same */
    if (response->status == 412 || response->status == 400)
        outcome = upload_ask(transfer, url, response, answer);
    return outcome;
}

enum outcome upload_options(struct transfer *transfer, const char *url, struct response *response,
                            struct answer *answer)
{
    struct request request = { .method = "OPTIONS", .url = url };
    return upload_request(transfer, &request, response, answer);
}

/* One PATCH that runs. */
struct append {
    const struct piece *piece;
    struct digest digest;
    char checksum[CHECKSUM_BYTES]; /* the field, once it is known */
};

static void append_moved(void *context, uint64_t sent)
{
    const struct piece *piece = ((struct append *)context)->piece;
    piece->moved(piece->context, sent);
}

static void append_passed(void *context, uint64_t position, struct bytes bytes)
{
    struct append *append = context;
    const struct piece *piece = append->piece;

    if (piece->checking.trailer) {
        if (position == 0) /* also of a second time, after a redirect */
            digest_init(&append->digest, piece->checking.algorithm);
        digest_update(&append->digest, bytes);
    }
    if (piece->passed != NULL)
        piece->passed(piece->context, piece->offset + position, bytes);
}

/* "Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=" */
static const char *append_checksum(void *context)
{
    struct append *append = context;
    struct digest_value value;

    digest_final(&append->digest, &value);
    char *end =
        append->checksum + snprintf(append->checksum, CHECKSUM_BYTES, "Upload-Checksum: %s ",
                                    digest_algorithm_name(value.algorithm));
    struct bytes bytes = digest_value_bytes(&value);
    *base64_format(bytes.data, bytes.count, end) = '\0';
    return append->checksum;
}

/* For servers that want the checksum before the bytes: they are read for it. */
static enum outcome append_read_checksum(struct append *append)
{
    const struct piece *piece = append->piece;
    uint8_t buffer[16 * 1024];

    digest_init(&append->digest, piece->checking.algorithm);
    while (append->digest.position < piece->count) {
        uint64_t rest = piece->count - append->digest.position;
        ssize_t got = source_read(piece->source, piece->offset + append->digest.position, buffer,
                                  rest < sizeof(buffer) ? (size_t)rest : sizeof(buffer));
        if (got < 0)
            return OUTCOME_BROKEN;
        digest_update(&append->digest, bytes_of(buffer, (size_t)got));
    }
    (void)append_checksum(append);
    return OUTCOME_OK;
}

/* What the answer to a PATCH tells. */
static enum outcome append_judge(const struct piece *piece, const struct response *response,
                                 uint64_t *ret_offset, struct answer *answer)
{
    if (!response->offset_known) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "the answer tells no offset");
        return OUTCOME_RETRY; /* the next HEAD will */
    }
    if (response->offset < piece->offset || response->offset - piece->offset > response->taken)
        return outcome_refuse(answer, "the server claims an offset that cannot be");
    *ret_offset = response->offset;
    return OUTCOME_OK;
}

static enum outcome append_run(struct append *append, struct transfer *transfer, const char *url,
                               uint64_t *ret_offset, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    const struct piece *piece = append->piece;
    char offset[FIELD_BYTES];
    char length[FIELD_BYTES];
    size_t count = 0;
    struct request request = {
        .method = "PATCH",
        .url = url,
        .source = piece->source,
        .offset = piece->offset,
        .count = piece->count,
        .moved = append_moved,
        .passed = append_passed,
        .trailer = piece->checking.trailer ? append_checksum : NULL,
        .context = append,
    };

    (void)snprintf(offset, sizeof(offset), "Upload-Offset: %" PRIu64, piece->offset);
    (void)snprintf(length, sizeof(length), "Upload-Length: %" PRIu64, piece->length);
    request.fields[count++] = tus_version;
    request.fields[count++] = "Content-Type: application/offset+octet-stream";
    request.fields[count++] = offset;
    if (piece->length_known)
        request.fields[count++] = length;
    if (piece->checking.trailer)
        request.fields[count++] = "Trailer: Upload-Checksum";
    else if (piece->checking.algorithm != DIGEST_NONE)
        request.fields[count++] = append->checksum;

    enum outcome outcome = upload_request(transfer, &request, &response, answer);
    /* "If the checksums do not match, the Server MUST respond with the 460 Checksum Mismatch
     *  status" - tus 1.0.0, Checksum */
    if (response.status == 460 && piece->checking.algorithm != DIGEST_NONE) {
        answer->damaged = true;
        return OUTCOME_RETRY;
    }
    return outcome != OUTCOME_OK ? outcome : append_judge(piece, &response, ret_offset, answer);
}

enum outcome upload_append(struct transfer *transfer, const char *url, const struct piece *piece,
                           uint64_t *ret_offset, struct answer *answer)
{
    struct append append = { .piece = piece };

    digest_init(&append.digest, piece->checking.algorithm); /* of a piece without a byte, too */
    if (piece->checking.algorithm != DIGEST_NONE && !piece->checking.trailer &&
        append_read_checksum(&append) != OUTCOME_OK) {
        *answer = (struct answer){ 0 };
        return OUTCOME_BROKEN;
    }
    return append_run(&append, transfer, url, ret_offset, answer);
}

enum outcome upload_read(struct transfer *transfer, const char *url, const struct reading *reading,
                         struct response *response, struct answer *answer)
{
    AUTO_FREE char *condition = NULL;
    char range[FIELD_BYTES];
    struct request request = {
        .method = "GET",
        .url = url,
        .begin = reading->begin,
        .take = reading->take,
        .context = reading->context,
    };

    if (reading->offset > 0) {
        (void)snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-", reading->offset);
        if (asprintf(&condition, "If-Range: %s", reading->etag) < 0)
            return outcome_refuse(answer, "no memory");
        request.fields[0] = range;
        request.fields[1] = condition;
    }
    enum outcome outcome = upload_request(transfer, &request, response, answer);
    if (response->status == 409)
        return outcome_refuse(answer, "the upload is not complete yet (409)");
    return outcome;
}

enum outcome upload_terminate(struct transfer *transfer, const char *url, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    struct request request = { .method = "DELETE", .url = url, .fields = { tus_version } };

    return upload_request(transfer, &request, &response, answer);
}
