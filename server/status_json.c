#include "server/status_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "protocol/base64.h"
#include "protocol/choice.h"
#include "protocol/http_date.h"
#include "protocol/upload_metadata.h"

/* Each function yields a new value, or NULL without memory: json_pack() takes them all back then. */

/* Text as it is when it is UTF-8, NUL and all; other bytes as {"base64": "..."}. */
static json_t *json_of_bytes(struct bytes bytes)
{
    if (bytes.count == 0)
        return json_string("");
    json_t *text = json_stringn((const char *)bytes.data, bytes.count);
    if (text != NULL)
        return text;

    size_t count = BASE64_TEXT_BYTES(bytes.count);
    AUTO_FREE char *base64 = malloc(count);
    if (base64 == NULL)
        return NULL;
    base64_encode(bytes, base64);
    return json_pack("{s:s%}", "base64", base64, count);
}

static json_t *json_of_time(int64_t seconds, bool known)
{
    char text[HTTP_DATE_RFC3339_BYTES];

    if (!known)
        return json_null();
    http_date_format_rfc3339(seconds, text);
    return json_string(text);
}

static json_t *json_of_digest(const struct digest_value *digest)
{
    char hex[2 * DIGEST_BYTES_MAX + 1] = { 0 };
    struct bytes bytes = digest_value_bytes(digest);

    if (digest->algorithm == DIGEST_NONE)
        return json_null();
    for (size_t i = 0; i < bytes.count; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes.data[i]);
    return json_pack("{s:s, s:s}", "algorithm", digest_algorithm_name(digest->algorithm), "hex",
                     hex);
}

/* A key that is not UTF-8 is read as ISO 8859-1, which fields of HTTP once were in: RFC 9110, 5.5. */
static json_t *json_of_key(struct bytes key)
{
    json_t *text = json_stringn((const char *)key.data, key.count);
    size_t count = 0;

    if (text != NULL)
        return text;
    AUTO_FREE char *utf8 = malloc(2 * key.count);
    if (utf8 == NULL)
        return NULL;
    for (size_t i = 0; i < key.count; i++) {
        if (key.data[i] >= 0x80)
            utf8[count++] = (char)(0xc0 | key.data[i] >> 6);
        utf8[count++] = (char)(key.data[i] < 0x80 ? key.data[i] : 0x80 | (key.data[i] & 0x3f));
    }
    return json_stringn(utf8, count);
}

static int metadata_set(json_t *metadata, struct bytes key, struct bytes value)
{
    json_t *name = json_of_key(key);
    int r = -1;

    if (name != NULL)
        r = json_object_setn_new(metadata, json_string_value(name), json_string_length(name),
                                 json_of_bytes(value));
    json_decref(name);
    return r;
}

static json_t *json_of_metadata(struct bytes metadata)
{
    AUTO_FREE uint8_t *value = malloc(metadata.count + 1);
    json_t *object = json_object();
    int r = value == NULL || object == NULL ? -1 : 0;
    struct upload_metadata_pair pair;

    for (size_t room = metadata.count; r == 0 && upload_metadata_next(&metadata, &pair);) {
        size_t count = 0;
        (void)base64_decode(pair.value, value, room, &count); /* it was checked at the creation */
        r = metadata_set(object, pair.key, bytes_of(value, count));
    }
    if (r == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *json_of_url(const char *base_path, const struct upload_id *id)
{
    return json_pack("s+", base_path, upload_id_format(id).text);
}

const char *status_state_name(enum upload_state state)
{
    switch (state) {
    case UPLOAD_RECEIVING: return "receiving";
    case UPLOAD_COMPLETE: return "complete";
    case UPLOAD_INVALIDATED: return "invalidated";
    case UPLOAD_DAMAGED: return "damaged";
    case UPLOAD_VERIFYING: return "verifying";
    case UPLOAD_DELETED: return "deleted"; /* of parts: what is deleted itself is not found */
    }
    return "";
}

static json_t *json_of_protocol(enum protocol protocol)
{
    switch (protocol) {
    case PROTOCOL_TUS: return json_string("tus");
    case PROTOCOL_IETF: return json_string("ietf");
    case PROTOCOL_NONE: break;
    }
    return json_null();
}

static const char *kind_name(enum upload_kind kind)
{
    switch (kind) {
    case UPLOAD_SINGLE: return "single";
    case UPLOAD_PARTIAL: return "partial";
    case UPLOAD_FINAL: return "final";
    }
    return "";
}

static json_t *json_of_size(uint64_t size, bool known)
{
    return known ? json_integer((json_int_t)size) : json_null();
}

static json_t *json_of_part(const struct upload_part_info *part, const char *base_path)
{
    /* clang-format off */
    return json_pack(
        "{s:s, s:o, s:s, s:o, s:I, s:o}",
        "id", upload_id_format(&part->id).text,
        "url", json_of_url(base_path, &part->id),
        "state", status_state_name(part->state),
        "begin", json_of_size(part->begin, part->begin_known),
        "offset", (json_int_t)part->offset,
        "length", json_of_size(part->length, part->length_known));
    /* clang-format on */
}

static json_t *json_of_parts(const struct status_parts *parts, const char *base_path)
{
    if (parts->count == 0)
        return json_null();

    json_t *array = json_array();
    int r = array == NULL ? -1 : 0;
    for (size_t i = 0; i < parts->count && r == 0; i++)
        r = json_array_append_new(array, json_of_part(&parts->infos[i], base_path));
    if (r == 0)
        return array;
    json_decref(array);
    return NULL;
}

struct json_t *status_json(const struct upload_info *info, const struct status_parts *parts,
                           const char *base_path, const char *file)
{
    bool complete = info->state == UPLOAD_COMPLETE;
    bool expires = info->expires != 0 && (!complete || info->kind == UPLOAD_PARTIAL);

    /* clang-format off */
    return json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:b, s:I, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "id", upload_id_format(&info->id).text,
        "url", json_of_url(base_path, &info->id),
        "protocol", json_of_protocol((enum protocol)info->protocol),
        "kind", kind_name(info->kind),
        "state", status_state_name(info->state),
        "complete", complete,
        "offset", (json_int_t)info->offset,
        "length", json_of_size(info->length, info->length_known),
        "writing", info->writing,
        "created", json_of_time(info->created, true),
        "last_byte", json_of_time(info->appended, info->offset > 0),
        "expires", json_of_time(info->expires, expires),
        "metadata", json_of_metadata(bytes_of(info->metadata, info->metadata_count)),
        "digest", json_of_digest(&info->digest),
        "stated_digest", json_of_digest(&info->stated),
        "file", info->filed ? json_of_bytes(bytes_of_text(file)) : json_null(),
        "parts", json_of_parts(parts, base_path));
    /* clang-format on */
}
