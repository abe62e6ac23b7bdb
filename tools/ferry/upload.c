#include "tools/ferry/upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
    FIELD_BYTES = 64,
    ADVICE_BYTES = 64, /* room behind a reason */
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
    case 405: return "; is this the URL of an upload endpoint?";
    case 412: return "; it does not speak this protocol";
    case 413: return "; it does not take so much";
    case 460: return "; bytes were damaged on the way";
    default: return "";
    }
}

enum outcome upload_refuse(struct answer *answer, const char *reason)
{
    (void)snprintf(answer->reason, sizeof(answer->reason), "%s", reason);
    return OUTCOME_REFUSED;
}

enum outcome upload_run(struct transfer *transfer, const struct request *request,
                        struct response *response, struct answer *answer)
{
    enum transfer_result result = transfer_run(transfer, request, response);
    char told[RESPONSE_REASON_BYTES];

    *answer = (struct answer){
        .status = response->status,
        .retry_after_s = response->retry_after_s,
        .sent = response->sent,
        .taken = response->taken,
    };
    response_describe(response, told);
    (void)snprintf(answer->reason, sizeof(answer->reason), "%.*s%s",
                   RESPONSE_REASON_BYTES - ADVICE_BYTES, told, status_advice(response->status));
    switch (result) {
    case TRANSFER_ANSWERED: return OUTCOME_OK;
    case TRANSFER_LOST: return OUTCOME_RETRY;
    case TRANSFER_IMPOSSIBLE: return OUTCOME_REFUSED;
    case TRANSFER_STOPPED: return OUTCOME_STOPPED;
    case TRANSFER_BROKEN: return OUTCOME_BROKEN;
    }
    return OUTCOME_REFUSED;
}

enum outcome upload_request(struct transfer *transfer, const struct request *request,
                            struct response *response, struct answer *answer)
{
    enum outcome outcome = upload_run(transfer, request, response, answer);
    return outcome == OUTCOME_OK ? outcome_of_status(response->status) : outcome;
}

enum outcome upload_metadata(const struct metadata *metadata, char **ret_field,
                             struct answer *answer)
{
    AUTO_FREE char *text = metadata_format(metadata);

    if (text == NULL || asprintf(ret_field, "Upload-Metadata: %s", text) < 0)
        return upload_refuse(answer, "the metadata is too long for a request");
    if (*text == '\0')
        free(TAKE_PTR(*ret_field));
    return OUTCOME_OK;
}

enum outcome upload_location(const struct response *response, char **ret_url, struct answer *answer)
{
    if (response->location == NULL)
        return upload_refuse(answer,
                             "the answer names no upload (no Location); "
                             "is this the URL of an upload endpoint?");
    *ret_url =
        response->asked == NULL ? NULL : address_resolve(response->asked, response->location);
    if (*ret_url == NULL)
        return upload_refuse(answer,
                             "the answer names an upload that is not to be trusted "
                             "(Location)");
    return OUTCOME_OK;
}

enum outcome upload_head(struct transfer *transfer, const char *url, const char *version,
                         struct response *response, struct answer *answer)
{
    struct request request = { .method = "HEAD", .url = url, .fields = { version } };

    enum outcome outcome = upload_request(transfer, &request, response, answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!response->offset_known)
        return upload_refuse(answer, "the answer tells no offset; is this the URL of an upload?");
    if (response->length_known && response->offset > response->length)
        return upload_refuse(answer, "the server claims more bytes than the upload has");
    return OUTCOME_OK;
}

enum outcome upload_look(struct transfer *transfer, const char *url, struct response *response,
                         struct answer *answer)
{
    enum outcome outcome = upload_head(transfer, url, NULL, response, answer);

    /* servers other than Ferry may want the version all the same */
    if (response->status == 412 || response->status == 400)
        outcome = upload_head(transfer, url, tus_version, response, answer);
    return outcome;
}

enum outcome upload_options(struct transfer *transfer, const char *url, struct response *response,
                            struct answer *answer)
{
    struct request request = { .method = "OPTIONS", .url = url };
    return upload_request(transfer, &request, response, answer);
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
            return upload_refuse(answer, "no memory");
        request.fields[0] = range;
        request.fields[1] = condition;
    }
    enum outcome outcome = upload_request(transfer, &request, response, answer);
    if (response->status == 409)
        return upload_refuse(answer, "the upload is not complete yet (409)");
    return outcome;
}

enum outcome upload_terminate(struct transfer *transfer, const char *url, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    struct request request = { .method = "DELETE", .url = url, .fields = { tus_version } };

    return upload_request(transfer, &request, &response, answer);
}
