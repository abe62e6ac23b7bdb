#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/base64.h"
#include "tools/ferry/protocol.h"

enum {
    FIELD_BYTES = 64,
    CHECKSUM_BYTES = 160, /* 64 bytes in Base64, and the names before them */
};

static const char tus_version[] = "Tus-Resumable: 1.0.0";

/* An upload is complete when its offset is its length. */
static void tus_conclude(struct standing *standing)
{
    standing->complete =
        standing->offset_known && standing->length_known && standing->offset == standing->length;
}

/* Whether "checksum" is one of "creation,checksum". */
static bool list_has(const char *list, const char *name)
{
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", ");
        size_t count = strcspn(list, ", ");
        if (bytes_equal_text(bytes_of(list, count), name))
            return true;
        list += count;
    }
    return false;
}

static enum outcome tus_check(struct transfer *transfer, const char *endpoint,
                              enum digest_algorithm algorithm, struct checking *ret_checking,
                              struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    const char *name = digest_algorithm_name(algorithm);

    enum outcome outcome = upload_options(transfer, endpoint, &response, answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    bool trailer = list_has(response.extensions, "checksum-trailer");
    if (!trailer && !list_has(response.extensions, "checksum"))
        return upload_refuse(answer, "the server does not check checksums");
    if (!list_has(response.algorithms, name)) {
        (void)snprintf(answer->reason, sizeof(answer->reason),
                       "the server knows no %s; it knows %.200s", name,
                       response.algorithms == NULL ? "none" : response.algorithms);
        return OUTCOME_REFUSED;
    }
    *ret_checking = (struct checking){ algorithm, trailer };
    return OUTCOME_OK;
}

static enum outcome tus_create(struct transfer *transfer, const struct creation *creation,
                               const struct piece *piece, struct standing *standing,
                               struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    char length[FIELD_BYTES] = "Upload-Defer-Length: 1";
    AUTO_FREE char *field = NULL;

    enum outcome outcome = upload_metadata(creation->metadata, &field, answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (piece->length_known)
        (void)snprintf(length, sizeof(length), "Upload-Length: %" PRIu64, piece->length);
    struct request request = {
        .method = "POST",
        .url = creation->endpoint,
        .fields = { tus_version, length },
    };
    request_add(&request, creation->partial ? "Upload-Concat: partial" : NULL);
    request_add(&request, field);
    outcome = upload_request(transfer, &request, &response, answer);
    if (outcome == OUTCOME_OK)
        outcome = upload_location(&response, &standing->url, answer);
    if (outcome != OUTCOME_OK)
        return outcome;

    standing->offset_known = true;
    standing->length_known = piece->length_known;
    standing->length = piece->length;
    tus_conclude(standing);
    return OUTCOME_OK;
}

static enum outcome tus_ask(struct transfer *transfer, const char *url, struct standing *standing,
                            struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };

    enum outcome outcome = upload_head(transfer, url, tus_version, &response, answer);
    standing_read(&response, standing);
    tus_conclude(standing);
    return outcome;
}

/* One PATCH that runs. */
struct append {
    const struct piece *piece;
    struct digest digest;
    char checksum[CHECKSUM_BYTES]; /* the field, once it is known */
};

static void append_moved(void *context, uint64_t position)
{
    piece_moved(((struct append *)context)->piece, position);
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
    piece_passed(piece, position, bytes);
}

/* "Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=" */
static void append_format_checksum(struct append *append, const struct digest_value *value)
{
    struct bytes bytes = digest_value_bytes(value);
    char *end =
        append->checksum + snprintf(append->checksum, CHECKSUM_BYTES, "Upload-Checksum: %s ",
                                    digest_algorithm_name(value->algorithm));

    *base64_format(bytes.data, bytes.count, end) = '\0';
}

static const char *append_trailer(void *context)
{
    struct append *append = context;
    struct digest_value value;

    digest_final(&append->digest, &value);
    append_format_checksum(append, &value);
    return append->checksum;
}

/* The field that tells of the checksum, or is it; NULL where none is wanted. */
static const char *append_checksum_field(const struct append *append)
{
    if (append->piece->checking.algorithm == DIGEST_NONE)
        return NULL;
    return append->piece->checking.trailer ? "Trailer: Upload-Checksum" : append->checksum;
}

/* What the answer to a PATCH tells. */
static enum outcome append_judge(const struct piece *piece, bool length_told,
                                 const struct response *response, struct standing *standing,
                                 struct answer *answer)
{
    if (!response->offset_known) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "the answer tells no offset");
        return OUTCOME_RETRY; /* the next HEAD will */
    }
    if (response->offset < piece->offset || response->offset - piece->offset > response->taken)
        return upload_refuse(answer, "the server claims an offset that cannot be");

    standing_read(response, standing);
    standing->length_known = piece->length_declared || length_told;
    standing->length = piece->length;
    tus_conclude(standing);
    return OUTCOME_OK;
}

static enum outcome append_run(struct append *append, struct transfer *transfer, const char *url,
                               struct standing *standing, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    const struct piece *piece = append->piece;
    bool tells_length = !piece->length_declared && piece_last(piece);
    struct request request = piece_request(piece, "PATCH", url);
    char offset[FIELD_BYTES];
    char length[FIELD_BYTES];

    (void)snprintf(offset, sizeof(offset), "Upload-Offset: %" PRIu64, piece->offset);
    (void)snprintf(length, sizeof(length), "Upload-Length: %" PRIu64, piece->length);
    request_add(&request, tus_version);
    request_add(&request, "Content-Type: application/offset+octet-stream");
    request_add(&request, offset);
    request_add(&request, tells_length ? length : NULL);
    request_add(&request, append_checksum_field(append));
    request.moved = append_moved;
    request.passed = append_passed;
    request.trailer = piece->checking.trailer ? append_trailer : NULL;
    request.context = append;

    enum outcome outcome = upload_request(transfer, &request, &response, answer);
    /* "If the checksums do not match, the Server MUST respond with the 460 Checksum Mismatch
     *  status" - tus 1.0.0, Checksum */
    if (response.status == 460 && piece->checking.algorithm != DIGEST_NONE) {
        answer->damaged = true;
        return OUTCOME_RETRY;
    }
    if (outcome != OUTCOME_OK)
        return outcome;
    return append_judge(piece, tells_length, &response, standing, answer);
}

static enum outcome tus_append(struct transfer *transfer, const char *url,
                               const struct piece *piece, struct standing *standing,
                               struct answer *answer)
{
    struct append append = { .piece = piece };
    struct digest_value value;

    *answer = (struct answer){ 0 };
    digest_init(&append.digest, piece->checking.algorithm); /* of a piece without a byte, too */
    if (piece->checking.algorithm != DIGEST_NONE && !piece->checking.trailer) {
        if (piece_digest(piece, &value) != 0)
            return OUTCOME_BROKEN;
        append_format_checksum(&append, &value);
    }
    return append_run(&append, transfer, url, standing, answer);
}

static enum outcome tus_joins(struct transfer *transfer, const char *endpoint,
                              struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };

    enum outcome outcome = upload_options(transfer, endpoint, &response, answer);
    if (outcome == OUTCOME_OK && !list_has(response.extensions, "concatenation"))
        return upload_refuse(answer, "the server does not join parts (concatenation)");
    return outcome;
}

/* "Upload-Concat: final;/files/a /files/b"; NULL without memory. free() it. */
static char *concat_format(const struct joint *joint)
{
    char *field = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&field, &size);

    if (text == NULL)
        return NULL;
    (void)fputs("Upload-Concat: final;", text);
    for (size_t i = 0; i < joint->count; i++)
        (void)fprintf(text, "%s%s", i == 0 ? "" : " ", joint->urls[i]);
    if (fclose(text) == 0)
        return field;
    free(field);
    return NULL;
}

static enum outcome tus_join(struct transfer *transfer, const struct joint *joint,
                             struct standing *standing, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    AUTO_FREE char *concat = concat_format(joint);
    AUTO_FREE char *metadata = NULL;
    char key[FIELD_BYTES];

    if (concat == NULL)
        return upload_refuse(answer, "no memory");
    enum outcome outcome = upload_metadata(joint->metadata, &metadata, answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    (void)snprintf(key, sizeof(key), "Idempotency-Key: \"%s\"", joint->key);
    struct request request = {
        .method = "POST",
        .url = joint->endpoint,
        .fields = { tus_version, concat, key, metadata },
    };
    outcome = upload_request(transfer, &request, &response, answer);
    return outcome == OUTCOME_OK ? upload_location(&response, &standing->url, answer) : outcome;
}

const struct protocol protocol_tus = {
    .name = "tus",
    .length_told = true,
    .check = tus_check,
    .create = tus_create,
    .ask = tus_ask,
    .append = tus_append,
    .joins = tus_joins,
    .join = tus_join,
};
