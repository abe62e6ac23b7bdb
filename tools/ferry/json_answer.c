#include "tools/ferry/json_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

enum {
    BODY_BYTES_MAX = 64 * 1024 * 1024, /* a thousand uploads with all the metadata there may be */
};

/* A body on its way in. */
struct body {
    void (*tick)(void *context, uint64_t sent);
    void *context;
    char *data;
    size_t count, size;
    bool too_long;
};

static void body_done(struct body *body)
{
    free(body->data);
}

static void body_moved(void *context, uint64_t sent)
{
    struct body *body = context;

    if (body->tick != NULL)
        body->tick(body->context, sent);
}

static bool body_begin(void *context, const struct response *response)
{
    static const char wanted[] = "application/json";
    struct body *body = context;

    body->count = 0; /* after a redirect */
    return response->type != NULL && strncasecmp(response->type, wanted, strlen(wanted)) == 0;
}

static bool body_take(void *context, struct bytes bytes)
{
    struct body *body = context;

    if (bytes.count > BODY_BYTES_MAX - body->count) {
        body->too_long = true;
        return false;
    }
    if (body->size - body->count < bytes.count) {
        size_t size = 2 * (body->count + bytes.count);
        char *data = realloc(body->data, size);
        body->too_long = data == NULL;
        if (data == NULL)
            return false;
        body->data = data;
        body->size = size;
    }
    memcpy(body->data + body->count, bytes.data, bytes.count);
    body->count += bytes.count;
    return true;
}

enum outcome json_answer_get(struct transfer *transfer, const char *url,
                             void (*tick)(void *context, uint64_t sent), void *context,
                             json_t **ret_object, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    CLEANUP(body_done) struct body body = { .tick = tick, .context = context };
    struct request request = {
        .method = "GET",
        .url = url,
        .fields = { "Accept: application/json" },
        .moved = body_moved,
        .begin = body_begin,
        .take = body_take,
        .context = &body,
    };

    enum outcome outcome = upload_request(transfer, &request, &response, answer);
    if (body.too_long)
        return upload_refuse(answer, "the answer is too long");
    if (outcome != OUTCOME_OK)
        return outcome;

    /* what clients told may hold a NUL */
    *ret_object = json_loadb(body.data == NULL ? "" : body.data, body.count, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(*ret_object)) {
        json_decref(*ret_object);
        *ret_object = NULL;
        return upload_refuse(answer, "the answer is not what ferryd tells");
    }
    return OUTCOME_OK;
}
