#include "protocol/tus_append.h"

#include "protocol/media_type.h"
#include "protocol/tus_version.h"

static int append_media_type(const struct message *message)
{
    const struct field *field;

    int r = message_field_once(message, "Content-Type", &field);
    if (r != 0)
        return r;

    /* "All PATCH requests MUST use Content-Type: application/offset+octet-stream, otherwise the
     *  server SHOULD return a 415 Unsupported Media Type status."  — tus, PATCH */
    if (field == NULL || !media_type_is(field->value, TUS_MEDIA_TYPE))
        return REFUSED_MEDIA_TYPE;
    return 0;
}

int tus_append_parse(const struct message *message, const struct framing *framing,
                     struct tus_append *ret_append)
{
    struct tus_append append = { .framing = *framing };

    int r = tus_version_check(message);
    if (r == 0)
        r = append_media_type(message);
    if (r == 0)
        r = tus_offset_field(message, &append.offset);
    if (r == 0)
        r = tus_length_field(message, &append.length);
    if (r == 0)
        r = tus_checksum_parse(message, framing, &append.checksum);
    if (r != 0)
        return r;

    *ret_append = append;
    return 0;
}

int tus_upload_check(const struct tus_upload *upload)
{
    if (upload->damaged)
        return REFUSED_DAMAGED;
    if (upload->invalidated)
        return upload->final ? REFUSED_PART_LOST : REFUSED_INVALIDATED;
    return 0;
}

static int append_check_target(const struct tus_upload *upload)
{
    /* "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final
     *  upload URL and MUST NOT modify the final or its partial uploads."  — tus, Concatenation.
     *  Whatever has become of it. */
    return upload->final ? REFUSED_FINAL_UPLOAD : tus_upload_check(upload);
}

int tus_append_check_early(const struct tus_append *append, const struct tus_upload *upload)
{
    int r = append_check_target(upload);
    if (r != 0)
        return r;

    /* The offset only grows, and never beyond the length. */
    if (append->offset < upload->offset ||
        (upload->length.known && append->offset > upload->length.bytes))
        return REFUSED_OFFSET_MISMATCH;
    return 0;
}

/* The length of the upload once the request is accepted. */
static int append_length(const struct tus_append *append, const struct tus_upload *upload,
                         struct tus_limits limits, struct tus_length *ret_length)
{
    if (!append->length.known) {
        *ret_length = upload->length;
        return 0;
    }

    /* "Once it is known the Client MUST set the Upload-Length header in the next PATCH request.
     *  Once set the length MUST NOT be changed."  — tus, Creation, POST. Stating the same one again
     *  changes nothing: a client that repeats the request which set it does so. */
    if (upload->length.known && append->length.bytes != upload->length.bytes)
        return REFUSED_LENGTH_MISMATCH;
    if (append->length.bytes < upload->offset)
        return REFUSED_TOO_SHORT;
    if (!upload->length.known && append->length.bytes > tus_limits_longest(limits))
        return REFUSED_TOO_LARGE;

    *ret_length = append->length;
    return 0;
}

int tus_append_check(const struct tus_append *append, const struct tus_upload *upload,
                     struct tus_limits limits, struct tus_body *ret_body)
{
    struct tus_length length;

    int r = append_check_target(upload);
    if (r != 0)
        return r;

    /* "If the offsets do not match, the Server MUST respond with the 409 Conflict status without
     *  modifying the upload resource."  — tus, PATCH */
    if (append->offset != upload->offset)
        return REFUSED_OFFSET_MISMATCH;

    r = append_length(append, upload, limits, &length);
    if (r != 0)
        return r;

    struct tus_body body = tus_body_at(upload->offset, length, limits);
    if (upload->complete) {
        body.complete = true;
        body.room = 0;
    }
    r = tus_body_check(&body, &append->framing);
    if (r != 0)
        return r;

    *ret_body = body;
    return 0;
}
