#include "server/ietf_final.h"

#include <stdio.h>

#include "base/number.h"
#include "server/service.h"
#include "server/uploads.h"

enum {
    FINAL_STATUS = 201,
    FINAL_BYTES = 512, /* a base path, an id */
};

static size_t final_format(struct exchange *exchange, const struct upload_id *id,
                           char text[static FINAL_BYTES])
{
    return (size_t)snprintf(text, FINAL_BYTES, "%d\nLocation: %s%s\n", FINAL_STATUS,
                            service_of(exchange)->base_path, upload_id_format(id).text);
}

int ietf_final_finish(struct exchange *exchange, struct upload *upload)
{
    char text[FINAL_BYTES];
    size_t count = final_format(exchange, &upload_info(upload)->id, text);

    int r = upload_set_response(upload, bytes_of(text, count));
    return r == 0 ? uploads_finish(exchange, upload) : r;
}

static struct bytes line_take(struct bytes *rest)
{
    const uint8_t *end = rest->count == 0 ? NULL : memchr(rest->data, '\n', rest->count);
    struct bytes line =
        bytes_of(rest->data, end == NULL ? rest->count : (size_t)(end - rest->data));

    *rest = bytes_after(*rest, end == NULL ? line.count : line.count + 1);
    return line;
}

/* The one field that a response has so far. What is stored is a path: how clients see it may have changed. */
static void final_field(struct exchange *exchange, const struct upload_info *info,
                        struct bytes line)
{
    if (bytes_start_with(line, "Location: "))
        service_tell_location(exchange, exchange_answer(exchange), &info->id);
}

void ietf_final_answer(struct exchange *exchange, const struct upload_info *info)
{
    struct answer *answer = exchange_answer(exchange);
    struct bytes rest = bytes_of(info->response, info->response_count);
    char text[FINAL_BYTES];
    uint64_t status = 0;

    if (info->response == NULL) /* just now completed: this writer's view has none */
        rest = bytes_of(text, final_format(exchange, &info->id, text));
    if (!number_parse(line_take(&rest), 599, &status))
        status = FINAL_STATUS;
    answer->status = (unsigned)status;
    while (rest.count > 0)
        final_field(exchange, info, line_take(&rest));

    /* "The server SHOULD compute the representation digests using the preferred algorithms once the upload is
     *  complete and include the corresponding Repr-Digest header field in the response."  — draft,
     *  Representation Digests. Known only after the response was stored. */
    service_tell_digest(answer, info);
}
