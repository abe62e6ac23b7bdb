#define LOG_MODULE "concatenate"
#include "server/concatenate.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "protocol/choice.h"
#include "server/service.h"
#include "server/uploads.h"

/* By its path here, or by the one that clients see in front of a proxy. */
static bool part_read(const struct service *service, struct bytes url, struct upload_id *ret_id)
{
    const char *public_path = service_public_path(service);
    struct bytes name;

    if (!upload_concat_name(url, service->base_path, &name) &&
        (public_path == NULL || !upload_concat_name(url, public_path, &name)))
        return false;
    return upload_id_parse(name, ret_id);
}

/* A URL that is of no upload of ours names a part that is not there. */
static int parts_read(const struct service *service, const struct upload_concat *concat,
                      struct upload_id *parts)
{
    struct bytes rest = concat->urls, url;

    for (size_t i = 0; upload_concat_next(&rest, &url); i++)
        if (!part_read(service, url, &parts[i]))
            return REFUSED_UNKNOWN_PART;
    return 0;
}

static int concatenate_parts(struct exchange *exchange, const struct tus_creation *creation,
                             struct bytes key, const struct upload_id *parts,
                             struct upload_id *ret_id)
{
    const struct service *service = service_of(exchange);
    const struct upload_concatenation wanted = {
        .protocol = PROTOCOL_TUS,
        .parts = parts,
        .part_count = creation->concat.url_count,
        .stated = creation->stated,
        .metadata = creation->metadata,
        .words = creation->concat.words,
        .max_length = service->limits.max_size,
        .repeat = { .key = key },
    };

    int r = uploads_concatenate(exchange, service->store, &wanted, ret_id);
    return r == REFUSED_TOO_LONG ? REFUSED_TOO_LARGE : r;
}

int concatenate(struct exchange *exchange, const struct tus_creation *creation, struct bytes key)
{
    AUTO_FREE struct upload_id *parts = calloc(creation->concat.url_count, sizeof(*parts));
    struct upload_id id;

    if (parts == NULL)
        return fail_errno("concatenate uploads");
    int r = parts_read(service_of(exchange), &creation->concat, parts);
    if (r == 0)
        r = concatenate_parts(exchange, creation, key, parts, &id);
    return r == 0 ? service_tell_created(exchange, &id) : r;
}
