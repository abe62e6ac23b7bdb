#include "tools/ferry/response.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "tools/ferry/content_range.h"
#include "tools/ferry/digest_field.h"
#include "tools/ferry/field.h"

void response_done(struct response *response)
{
    free(response->asked);
    free(response->location);
    free(response->metadata);
    free(response->expires);
    free(response->etag);
    free(response->disposition);
    free(response->type);
    free(response->extensions);
    free(response->algorithms);
    *response = (struct response){ 0 };
}

/* The value of a field that came once in the final response; NULL otherwise. */
static const char *response_field(CURL *easy, const char *name)
{
    struct curl_header *header = NULL;

    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        header->amount != 1)
        return NULL;
    return header->value;
}

static char *response_copy(CURL *easy, const char *name)
{
    const char *value = response_field(easy, name);
    return value == NULL ? NULL : strdup(value);
}

static bool response_number(CURL *easy, const char *name, uint64_t *ret_number)
{
    const char *value = response_field(easy, name);
    return value != NULL && number_parse(bytes_of_text(value), INT64_MAX, ret_number);
}

/* Seconds, or a date. */
static uint64_t response_retry_after(CURL *easy)
{
    const char *value = response_field(easy, "Retry-After");
    uint64_t seconds = 0;

    if (value == NULL || number_parse(bytes_of_text(value), UINT32_MAX, &seconds))
        return seconds;
    int64_t date_s = curl_getdate(value, NULL);
    int64_t now_s = clock_realtime_s();
    return date_s > now_s ? (uint64_t)(date_s - now_s) : 0;
}

/* "A weak validator [...] is not usable for [...] range requests" - RFC 9110, 8.8.1 */
static char *response_etag(CURL *easy)
{
    const char *value = response_field(easy, "ETag");
    return value != NULL && *value == '"' ? strdup(value) : NULL;
}

static struct digest_value response_digest(CURL *easy)
{
    static const char *const names[] = { "Ferry-Digest", "Repr-Digest" };
    struct digest_value digest = { .algorithm = DIGEST_NONE };

    for (size_t i = 0; i < 2 && digest.algorithm == DIGEST_NONE; i++) {
        const char *value = response_field(easy, names[i]);
        if (value != NULL)
            digest = digest_field_parse(value);
    }
    return digest;
}

static void response_read_range(struct response *response, const char *value)
{
    struct content_range range;

    if (!content_range_parse(bytes_of_text(value), &range))
        return;
    response->begin_known = true;
    response->begin = range.first;
    response->size_known = range.size_known;
    response->size = range.size;
}

static void response_read_size(struct response *response, CURL *easy)
{
    const char *range = response_field(easy, "Content-Range");
    long status = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 206 && range != NULL)
        response_read_range(response, range);
    else if (status == 200)
        response->size_known = response_number(easy, "Content-Length", &response->size);
}

/* What only the IETF's protocol has. */
static void response_read_ietf(struct response *response, CURL *easy)
{
    const char *complete = response_field(easy, "Upload-Complete");
    const char *limits = response_field(easy, "Upload-Limit");

    response->complete_known =
        complete != NULL && field_boolean(bytes_of_text(complete), &response->complete);
    if (limits == NULL)
        return;
    (void)field_member(bytes_of_text(limits), "max-size", &response->size_max);
    (void)field_member(bytes_of_text(limits), "max-append-size", &response->append_max);
}

void response_read(struct response *response, void *easy)
{
    const char *asked = NULL;
    uint64_t deferred = 0;

    if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &asked) == CURLE_OK && asked != NULL)
        response->asked = strdup(asked);
    response->offset_known = response_number(easy, "Upload-Offset", &response->offset);
    response->length_known = response_number(easy, "Upload-Length", &response->length);
    response->length_deferred =
        response_number(easy, "Upload-Defer-Length", &deferred) && deferred == 1;
    response->retry_after_s = response_retry_after(easy);
    response->location = response_copy(easy, "Location");
    response->metadata = response_copy(easy, "Upload-Metadata");
    response->expires = response_copy(easy, "Upload-Expires");
    response->etag = response_etag(easy);
    response->disposition = response_copy(easy, "Content-Disposition");
    (void)response_number(easy, "Tus-Max-Size", &response->size_max);
    response->tus_told = response_field(easy, "Tus-Resumable") != NULL;
    response->type = response_copy(easy, "Content-Type");
    response->extensions = response_copy(easy, "Tus-Extension");
    response->algorithms = response_copy(easy, "Tus-Checksum-Algorithm");
    response->digest = response_digest(easy);
    response_read_size(response, easy);
    response_read_ietf(response, easy);
}

bool response_complete(const struct response *response)
{
    return response->length_known && response->offset == response->length &&
           (response->complete || !response->complete_known);
}

void response_describe(const struct response *response, char text[static RESPONSE_REASON_BYTES])
{
    if (response->status == 0)
        (void)snprintf(text, RESPONSE_REASON_BYTES, "%s", response->reason);
    else
        (void)snprintf(text, RESPONSE_REASON_BYTES, "the server answered %d%s%.200s",
                       response->status, *response->reason == '\0' ? "" : ": ", response->reason);
}
