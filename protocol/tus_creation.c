#include "protocol/tus_creation.h"

#include "protocol/media_type.h"
#include "protocol/stated_digest.h"
#include "protocol/tus_version.h"
#include "protocol/upload_metadata.h"

/* "The request MUST include one of the following headers: a) Upload-Length to indicate the size of
 *  an entire upload in bytes. b) Upload-Defer-Length: 1 if upload size is not known at the time."
 *  — tus, Creation, POST */
static int creation_length(const struct message *message, struct tus_length *ret_length)
{
    struct tus_length length;
    bool deferred;

    int r = tus_length_field(message, &length);
    if (r == 0)
        r = tus_defer_length_field(message, &deferred);
    if (r != 0)
        return r;
    if (!length.known && !deferred)
        return REFUSED_LENGTH_UNSTATED;

    /* "If the length of an upload is not deferred, this header MUST be omitted."
     *  — tus, Upload-Defer-Length */
    if (length.known && deferred)
        return REFUSED_LENGTH_CONTRADICTS;

    *ret_length = length;
    return 0;
}

/* "The Client MUST NOT include the Upload-Length header in the final upload creation."
 *  — tus, Concatenation. Nor has it a body of its own: nothing can be appended to it. */
static int creation_of_parts(const struct message *message, bool appends)
{
    if (appends)
        return REFUSED_FINAL_UPLOAD;
    if (message_field_count(message, "Upload-Length") > 0 ||
        message_field_count(message, "Upload-Defer-Length") > 0)
        return REFUSED_CONCAT_LENGTH;
    return 0;
}

static int creation_metadata(const struct message *message, struct bytes *ret_metadata)
{
    const struct field *field;

    int r = message_field_once(message, "Upload-Metadata", &field);
    if (r != 0)
        return r;
    if (field == NULL) {
        *ret_metadata = bytes_of(NULL, 0);
        return 0;
    }

    r = upload_metadata_check(field->value);
    if (r != 0)
        return r;

    /* "responses to HEAD requests MUST include the Upload-Metadata header and its value as
     *  specified by the Client during the creation"  — tus, Creation, POST */
    *ret_metadata = field->value;
    return 0;
}

/* Otherwise the upload would be there, and every HEAD fail. */
static int creation_told(const struct tus_creation *creation)
{
    return creation->concat.words.count + creation->metadata.count > TUS_CREATION_TOLD_BYTES_MAX
               ? REFUSED_HEADER_TOO_LARGE
               : 0;
}

static int creation_appends(const struct message *message, bool *ret_appends)
{
    const struct field *field;

    int r = message_field_once(message, "Content-Type", &field);
    if (r != 0)
        return r;

    /* "The Client MUST include the Content-Type: application/offset+octet-stream header."
     *  — tus, Creation With Upload. A body of any other type is no part of the upload. */
    *ret_appends = field != NULL && media_type_is(field->value, TUS_MEDIA_TYPE);
    return 0;
}

static int creation_fields(const struct message *message, const struct framing *framing,
                           struct tus_creation *ret_creation)
{
    int r = tus_version_check(message);
    if (r == 0)
        r = creation_appends(message, &ret_creation->appends);
    if (r == 0)
        r = upload_concat_parse(message, &ret_creation->concat);
    if (r == 0 && ret_creation->concat.kind == UPLOAD_CONCAT_FINAL)
        r = creation_of_parts(message, ret_creation->appends);
    else if (r == 0)
        r = creation_length(message, &ret_creation->length);
    if (r == 0)
        r = creation_metadata(message, &ret_creation->metadata);
    if (r == 0)
        r = creation_told(ret_creation);
    if (r == 0)
        r = stated_digest_parse(message, ret_creation->metadata, &ret_creation->stated);
    if (r == 0 && ret_creation->appends)
        r = tus_checksum_parse(message, framing, &ret_creation->checksum);
    return r;
}

int tus_creation_parse(const struct message *message, const struct framing *framing,
                       struct tus_limits limits, struct tus_creation *ret_creation)
{
    struct tus_creation creation = { 0 };

    int r = creation_fields(message, framing, &creation);
    if (r != 0)
        return r;

    /* "If the length of the upload exceeds the maximum, which MAY be specified using the
     *  Tus-Max-Size header, the Server MUST respond with the 413 Request Entity Too Large status."
     *  — tus, Creation, POST */
    if (creation.length.known && creation.length.bytes > tus_limits_longest(limits))
        return REFUSED_TOO_LARGE;

    /* "The Client MAY include either the entirety or a chunk of the upload data in the body of the
     *  POST request. In this case, similar rules as for the PATCH request and response apply."
     *  — tus, Creation With Upload */
    creation.body = tus_body_at(0, creation.length, limits);
    if (creation.appends)
        r = tus_body_check(&creation.body, framing);
    if (r != 0)
        return r;

    *ret_creation = creation;
    return 0;
}
