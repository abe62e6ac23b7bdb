#include "server/download.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "protocol/content_disposition.h"
#include "protocol/http_date.h"
#include "protocol/media_type.h"
#include "protocol/precondition.h"
#include "protocol/range.h"
#include "protocol/upload_metadata.h"
#include "server/service.h"
#include "server/status.h"
#include "server/uploads.h"
#include "server/watch.h"

/* One URL has one content, for ever: who has it need not ask again. It may be meant for one person alone. */
#define CACHE_CONTROL "private, max-age=31536000, immutable"

enum {
    MEDIA_TYPE_BYTES_MAX = 255,
    FILE_NAME_READ_MAX = 4096 /* of a name: more is cut off anyhow */
};

/* The names that are in use for one thing; the first that is there counts. */
struct keys {
    const char *first, *second;
};

/* Decoded, as it came from the client. Empty when there is none, or one that is longer than anybody needs. */
static struct bytes metadata_value(const struct upload_info *info, struct keys keys, uint8_t *data,
                                   size_t room)
{
    struct bytes metadata = bytes_of(info->metadata, info->metadata_count);
    size_t count = 0;

    if (!upload_metadata_find(metadata, keys.first, data, room, &count) &&
        !upload_metadata_find(metadata, keys.second, data, room, &count))
        count = 0;
    return bytes_of(data, count);
}

/* What the client said when it sent the content is told again, but a browser shall neither guess nor run what
 * somebody has uploaded under our name. */
static void tell_type(struct answer *answer, const struct upload_info *info)
{
    uint8_t type_data[MEDIA_TYPE_BYTES_MAX], name_data[FILE_NAME_READ_MAX];
    char disposition[CONTENT_DISPOSITION_BYTES];

    struct bytes type =
        metadata_value(info, (struct keys){ "filetype", "type" }, type_data, sizeof(type_data));
    struct bytes name =
        metadata_value(info, (struct keys){ "filename", "name" }, name_data, sizeof(name_data));
    if (!media_type_valid(type))
        type = bytes_of_text("application/octet-stream");
    content_disposition_format(!media_type_inert(type), name, disposition);

    answer_field(answer, "Content-Type", "%.*s", BYTES_ARGUMENT(type));
    answer_field(answer, "Content-Disposition", "%s", disposition);
    answer_field(answer, "Content-Security-Policy", "sandbox");
}

/* The validators, as text and as what a request's preconditions are compared with. */
struct known_by {
    char entity_tag[UPLOAD_ID_TEXT_BYTES + 2];
    struct validators validators;
};

static void known_by(const struct upload_info *info, struct known_by *ret_known_by)
{
    (void)snprintf(ret_known_by->entity_tag, sizeof(ret_known_by->entity_tag), "\"%s\"",
                   upload_id_format(&info->id).text);
    ret_known_by->validators = (struct validators){
        .entity_tag.opaque = bytes_of_text(ret_known_by->entity_tag),
        .modified = info->appended > info->created ? info->appended : info->created,
        .now = clock_realtime_s(),
    };
}

static void tell_known_by(struct answer *answer, const struct known_by *known_by)
{
    char date[HTTP_DATE_BYTES];

    http_date_format(known_by->validators.modified, date);
    answer_field(answer, "ETag", "%s", known_by->entity_tag);
    answer_field(answer, "Last-Modified", "%s", date);
}

/* Refuses with REFUSED_PRECONDITION. What the client has already is answered by 304. */
static int check_preconditions(struct exchange *exchange, const struct upload_info *info,
                               const struct known_by *known_by)
{
    struct answer *answer = exchange_answer(exchange);

    switch (precondition_evaluate(exchange_message(exchange), &known_by->validators)) {
    case PRECONDITION_HOLDS: return 0;
    case PRECONDITION_FAILED: return REFUSED_PRECONDITION;
    case PRECONDITION_NOT_MODIFIED: break;
    }

    /* "The server generating a 304 response MUST generate any of the following header fields that would
     *  have been sent in a 200 (OK) response to the same request: Content-Location, Date, ETag, and Vary;
     *  Cache-Control and Expires"  — RFC 9110, 15.4.5 */
    tell_known_by(answer, known_by);

    /* "A server MUST NOT send Content-Length in such a response unless its field value equals the decimal
     *  number of octets that would have been sent in the content of a 200 (OK) response to the same
     *  request."  — RFC 9110, 8.6 */
    answer_file(answer, NULL, 0, info->length);
    answer->status = 304;
    return 0;
}

int download_check_change(void *argument, const struct upload_info *info)
{
    const struct validators *validators = NULL;
    struct known_by names;

    known_by(info, &names);
    if (info->state == UPLOAD_COMPLETE)
        validators = &names.validators;
    return precondition_allows_change(exchange_message(argument), validators)
               ? 0
               : REFUSED_PRECONDITION;
}

static void tell_content(struct answer *answer, const struct upload_info *info,
                         const struct known_by *known_by)
{
    tell_known_by(answer, known_by);
    tell_type(answer, info);
    service_tell_digest(answer, info);
    answer_field(answer, "Accept-Ranges", "bytes");
}

int download_tell(struct exchange *exchange, const struct upload_info *info)
{
    struct answer *answer = exchange_answer(exchange);
    struct known_by names;
    int r = 0;

    known_by(info, &names);
    if (message_field_count(exchange_message(exchange), "Tus-Resumable") == 0)
        r = check_preconditions(exchange, info, &names);
    if (r != 0 || answer->status == 304)
        return r;

    tell_content(answer, info, &names);
    answer_file(answer, NULL, 0, info->length);
    return 0;
}

static enum range_choice range_wanted(const struct exchange *exchange,
                                      const struct validators *validators, uint64_t length,
                                      struct range *ret_range)
{
    const struct message *message = exchange_message(exchange);
    struct bytes value;

    if (message_field_count(message, "Range") != 1 || !message_field(message, "Range", &value) ||
        !precondition_range_counts(message, validators))
        return RANGE_WHOLE;
    return range_choose(value, length, ret_range);
}

/* The answer that has content, which is taken when it worked. */
static int content_answer(struct exchange *exchange, const struct upload_info *info,
                          const struct known_by *known_by, struct content **content)
{
    struct answer *answer = exchange_answer(exchange);
    uint64_t length = content_length(*content);
    struct range range = { .first = 0, .count = length };

    switch (range_wanted(exchange, &known_by->validators, length, &range)) {
    case RANGE_WHOLE: answer->status = 200; break;
    case RANGE_PART:
        answer->status = 206;
        answer_field(answer, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.first,
                     range.first + range.count - 1, length);
        break;
    case RANGE_UNSATISFIABLE:
        /* "A server generating a 416 response to a byte-range request SHOULD generate a Content-Range
         * header field specifying the current length of the selected representation"  — RFC 9110, 15.5.17 */
        answer_field(answer, "Content-Range", "bytes */%" PRIu64, length);
        return REFUSED_RANGE;
    }
    tell_content(answer, info, known_by);
    answer_field(answer, "Cache-Control", "%s", CACHE_CONTROL);
    answer_file(answer, TAKE_PTR(*content), range.first, range.count);
    return 0;
}

int download_refusal(const struct upload_info *info)
{
    switch (info->state) {
    case UPLOAD_COMPLETE: return info->kind == UPLOAD_PARTIAL && !info->filed ? REFUSED_GONE : 0;
    case UPLOAD_RECEIVING:
    case UPLOAD_VERIFYING: return REFUSED_INCOMPLETE;
    case UPLOAD_INVALIDATED:
        return info->kind == UPLOAD_FINAL ? REFUSED_PART_LOST : REFUSED_INVALIDATED;
    case UPLOAD_DAMAGED: return REFUSED_DAMAGED;
    case UPLOAD_DELETED: return REFUSED_GONE;
    }
    return 0;
}

/* Of an upload that is complete. */
static int download_content(struct exchange *exchange, const struct upload_info *info)
{
    struct content *content = NULL;
    struct known_by names;

    known_by(info, &names);
    int r = check_preconditions(exchange, info, &names);
    if (r == 0 && exchange_answer(exchange)->status == 304)
        answer_field(exchange_answer(exchange), "Cache-Control", "%s", CACHE_CONTROL);
    else if (r == 0)
        r = uploads_read(exchange, service_of(exchange)->store, &info->id, &content);
    if (r == 0 && content != NULL)
        r = content_answer(exchange, info, &names, &content);
    exchange_close(exchange, content);
    return r;
}

int download(struct exchange *exchange)
{
    CLEANUP(upload_info_done) struct upload_info info = { 0 };
    struct upload_id id;

    if (watch_preferred(exchange))
        return watch(exchange);
    if (status_preferred(exchange))
        return status(exchange);

    int r = service_upload_id(exchange, &id);
    if (r == 0)
        r = uploads_find(exchange, service_of(exchange)->store, &id, &info);
    if (r == 0)
        r = download_refusal(&info);
    return r == 0 ? download_content(exchange, &info) : r;
}
