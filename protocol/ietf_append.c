#include "protocol/ietf_append.h"

#include "protocol/media_type.h"

/* "A client can continue the upload and append representation data by sending a PATCH request with
 *  the application/partial-upload media type"  — draft, Upload Append */
static int append_media_type(const struct ietf_version *version, const struct message *message)
{
    struct bytes type;

    if (!version->media_type_required)
        return 0;
    return message_field_count(message, "Content-Type") == 1 &&
                   message_field(message, "Content-Type", &type) &&
                   media_type_is(type, IETF_MEDIA_TYPE)
               ? 0
               : REFUSED_PARTIAL_MEDIA_TYPE;
}

int ietf_append_parse(const struct ietf_version *version, const struct message *message,
                      const struct framing *framing, struct ietf_append *ret_append)
{
    struct ietf_append append = {
        .version = version,
        .completes = true,
        .length = ietf_length_field(message),
        .framing = *framing,
    };

    int r = append_media_type(version, message);
    if (r != 0)
        return r;
    if (!ietf_completeness_field(message, version, &append.completes) &&
        version->completeness_required)
        return REFUSED_COMPLETENESS;
    if (!ietf_offset_field(message, &append.offset))
        return REFUSED_OFFSET_UNSTATED;
    r = content_digests_field(message, "Content-Digest", &append.content);
    if (r != 0)
        return r;

    *ret_append = append;
    return 0;
}

int ietf_upload_check(const struct ietf_upload *upload)
{
    if (upload->damaged)
        return REFUSED_DAMAGED;
    if (upload->invalidated)
        return upload->final ? REFUSED_PART_LOST : REFUSED_INVALIDATED;
    return 0;
}

bool ietf_append_repeats(const struct ietf_append *append, const struct ietf_upload *upload)
{
    return upload->complete && !upload->foreign && append->completes &&
           append->offset == upload->offset && !append->framing.chunked &&
           append->framing.length == 0;
}

/* "If the client attempted to append a non-zero length document, the server MUST treat this as an
 *  inconsistent length failure."  — draft, Upload Append */
static int append_to_complete(const struct ietf_append *append, const struct ietf_upload *upload)
{
    if (append->offset != upload->offset)
        return REFUSED_OFFSET_MISMATCH;
    return append->framing.chunked || append->framing.length > 0 ? REFUSED_LENGTHS_INCONSISTENT
                                                                 : REFUSED_COMPLETED;
}

static int append_check_target(const struct ietf_append *append, const struct ietf_upload *upload)
{
    int r = ietf_upload_check(upload);
    if (r != 0)
        return r;
    if (upload->foreign)
        return REFUSED_OTHER_PROTOCOL;

    /* "If the upload is already complete, the server MUST NOT modify the upload resource and MUST
     *  reject the request."  — draft, Upload Append */
    if (!upload->complete)
        return 0;
    return append->version->completed_is_inconsistent ? append_to_complete(append, upload)
                                                      : REFUSED_COMPLETED;
}

int ietf_append_check_early(const struct ietf_append *append, const struct ietf_upload *upload)
{
    int r = append_check_target(append, upload);
    if (r != 0)
        return r;

    /* The offset only grows, and never beyond the length. */
    if (append->offset < upload->offset ||
        (upload->length.known && append->offset > upload->length.bytes))
        return REFUSED_OFFSET_MISMATCH;
    return 0;
}

/* The length of the upload once the request is accepted. */
static int append_length(const struct ietf_append *append, const struct ietf_upload *upload,
                         struct ietf_length *ret_length)
{
    struct ietf_length told = ietf_body_length(append->completes, append->offset, &append->framing);
    struct ietf_length length = upload->length.known   ? upload->length
                                : append->length.known ? append->length
                                                       : told;

    /* "If the length is known, the server MUST prevent the offset from exceeding the upload length"
     *  — draft, Upload Append. By Content-Length that is known before the first byte. */
    if (length.known && length.bytes >= append->offset && !append->framing.chunked &&
        append->framing.length > length.bytes - append->offset)
        return REFUSED_EXCESS;

    /* "If multiple requests include indicators, their indicated values MUST match."  — draft,
     *  Length */
    if ((append->length.known && append->length.bytes != length.bytes) ||
        (told.known && told.bytes != length.bytes) ||
        (length.known && length.bytes < append->offset))
        return REFUSED_LENGTHS_INCONSISTENT;

    *ret_length = length;
    return 0;
}

int ietf_append_check(const struct ietf_append *append, const struct ietf_upload *upload,
                      const struct ietf_limits *limits, struct ietf_body *ret_body)
{
    struct ietf_length length;

    int r = append_check_target(append, upload);
    if (r != 0)
        return r;

    /* "If the Upload-Offset request header field value does not match the current offset, the server
     *  MUST reject the request with a 409 (Conflict) status code."  — draft, Upload Append */
    if (append->offset != upload->offset)
        return REFUSED_OFFSET_MISMATCH;

    r = append_length(append, upload, &length);
    if (r != 0)
        return r;
    if (!upload->length.known && length.known && length.bytes > ietf_limits_longest(limits))
        return REFUSED_TOO_LARGE;

    struct ietf_body body =
        ietf_body_at(append->version, append->offset, length, limits, append->completes);
    r = ietf_body_check(&body, &append->framing, limits);
    if (r != 0)
        return r;

    *ret_body = body;
    return 0;
}
