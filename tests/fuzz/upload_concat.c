/*
 * What is accepted is one of two forms; its URLs stand in the list, one after the other, and so does
 * the name of each
 */

#include "protocol/upload_concat.h"

#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

/* The URL by itself: in the middle of a field nobody would notice what is read before it. */
static void name_ends_the_url(struct bytes whole, const char *base_path)
{
    AUTO_FREE char *alone = fuzz_text(whole.data, whole.count);
    struct bytes url = bytes_of(alone, whole.count), name = bytes_of_text("untouched");

    if (alone == NULL)
        return;
    if (!upload_concat_name(url, base_path, &name)) {
        assert(bytes_equal_text(name, "untouched"));
        return;
    }
    assert(name.count > 0 && memchr(name.data, '/', name.count) == NULL);

    size_t before = (size_t)(name.data - url.data), behind = url.count - before - name.count;
    assert(behind == 0 || (behind == 1 && url.data[url.count - 1] == '/'));
    assert(before == 0 ||
           (before >= strlen(base_path) &&
            memcmp(name.data - strlen(base_path), base_path, strlen(base_path)) == 0));
}

static void urls_are_all_of_the_list(const struct upload_concat *concat)
{
    const uint8_t *at = concat->urls.data;
    struct bytes rest = concat->urls, url;
    size_t count = 0;

    for (; upload_concat_next(&rest, &url); count++) {
        for (; at < url.data; at++)
            assert(*at == ' ');
        assert(url.count > 0 && memchr(url.data, ' ', url.count) == NULL);
        at += url.count;
        name_ends_the_url(url, "/files/");
        name_ends_the_url(url, "/");
    }
    assert(rest.count == 0 && count == concat->url_count && count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_text text;
    struct upload_concat concat = { .url_count = 77 };
    struct bytes value = { 0 };

    message_text_fields(bytes_of(data, size), &text);
    int r = upload_concat_parse(&text.message, &concat);
    assert(r >= 0);
    if (r != 0) {
        assert(concat.url_count == 77);
        return 0;
    }

    (void)message_field(&text.message, "Upload-Concat", &value);
    assert(bytes_equal(concat.words, value));
    switch (concat.kind) {
    case UPLOAD_CONCAT_NONE:
        assert(message_field_count(&text.message, "Upload-Concat") == 0);
        break;
    case UPLOAD_CONCAT_PARTIAL: assert(bytes_equal_text(value, "partial")); break;
    case UPLOAD_CONCAT_FINAL:
        assert(bytes_start_with(value, "final;"));
        urls_are_all_of_the_list(&concat);
        break;
    }
    return 0;
}
