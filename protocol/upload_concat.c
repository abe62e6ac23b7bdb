#include "protocol/upload_concat.h"

#include "base/refusal.h"

bool upload_concat_next(struct bytes *rest, struct bytes *ret_url)
{
    while (rest->count > 0 && rest->data[0] == ' ')
        *rest = bytes_after(*rest, 1);
    if (rest->count == 0)
        return false;

    const uint8_t *space = memchr(rest->data, ' ', rest->count);
    size_t count = space == NULL ? rest->count : (size_t)(space - rest->data);
    *ret_url = bytes_of(rest->data, count);
    *rest = bytes_after(*rest, count);
    return true;
}

/* "... as defined in RFC 3986", which has none but the visible characters of ASCII. */
static bool url_valid(struct bytes url)
{
    for (size_t i = 0; i < url.count; i++)
        if (url.data[i] <= ' ' || url.data[i] > '~')
            return false;
    return true;
}

/* "In the case of a final upload, its value MUST be final followed by a semicolon and a space-separated
 *  list of partial upload URLs that will be concatenated. The partial uploads URLs MAY be absolute or
 *  relative and MUST NOT contain spaces"  — tus, Upload-Concat. Of nothing, nothing can be made. */
static int concat_urls(struct bytes urls, size_t *ret_count)
{
    struct bytes url;
    size_t count = 0;

    while (upload_concat_next(&urls, &url)) {
        if (!url_valid(url))
            return REFUSED_CONCAT_SYNTAX;
        count++;
    }
    if (count == 0)
        return REFUSED_CONCAT_SYNTAX;

    *ret_count = count;
    return 0;
}

int upload_concat_parse(const struct message *message, struct upload_concat *ret_concat)
{
    static const char final[] = "final;";
    const struct field *field;
    struct upload_concat concat = { 0 };

    int r = message_field_once(message, "Upload-Concat", &field);
    if (r != 0)
        return r;
    if (field == NULL) {
        *ret_concat = concat;
        return 0;
    }

    concat.words = field->value;
    if (bytes_equal_text(field->value, "partial")) {
        concat.kind = UPLOAD_CONCAT_PARTIAL;
    } else if (bytes_start_with(field->value, final)) {
        concat.kind = UPLOAD_CONCAT_FINAL;
        concat.urls = bytes_after(field->value, strlen(final));
        r = concat_urls(concat.urls, &concat.url_count);
    } else {
        r = REFUSED_CONCAT_SYNTAX;
    }
    if (r != 0)
        return r;

    *ret_concat = concat;
    return 0;
}

/* What stands behind the last slash, and what before it, slash and all. */
static struct bytes url_cut_name(struct bytes *url)
{
    size_t count = url->count;

    while (count > 0 && url->data[count - 1] != '/')
        count--;
    struct bytes name = bytes_after(*url, count);
    url->count = count;
    return name;
}

bool upload_concat_name(struct bytes url, const char *base_path, struct bytes *ret_name)
{
    size_t base = strlen(base_path);

    if (url.count > 1 && url.data[url.count - 1] == '/')
        url.count--;
    struct bytes name = url_cut_name(&url);
    if (name.count == 0)
        return false;
    if (url.count > 0 &&
        (url.count < base || !bytes_equal_text(bytes_after(url, url.count - base), base_path)))
        return false;

    *ret_name = name;
    return true;
}
