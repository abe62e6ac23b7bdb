/* A creation that is accepted says what its headers say, and has room for its body. */

#include "protocol/tus_creation.h"

#include "protocol/upload_metadata.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tus_text.h"

static void says_what_the_headers_say(const struct tus_text *text,
                                      const struct tus_creation *creation)
{
    const struct message *message = &text->text.message;
    struct bytes value = { 0 };

    assert(message_field(message, "Tus-Resumable", &value) && bytes_equal_text(value, "1.0.0"));
    tus_text_states_length(message, creation->length);
    if (creation->concat.kind == UPLOAD_CONCAT_FINAL)
        assert(!creation->length.known && !creation->appends);
    else
        assert(creation->length.known ==
               (message_field_count(message, "Upload-Defer-Length") == 0));

    if (message_field(message, "Upload-Metadata", &value)) {
        assert(bytes_equal(creation->metadata, value));
        assert(upload_metadata_check(creation->metadata) == 0);
    } else {
        assert(creation->metadata.count == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tus_text text;
    struct tus_creation creation, before;

    if (size == 0)
        return 0;
    tus_text_read(bytes_of(data, size), &text);
    memset(&creation, 0xa5, sizeof(creation));
    memset(&before, 0xa5, sizeof(before));

    int r = tus_creation_parse(&text.text.message, &text.framing, text.limits, &creation);
    if (r != 0) {
        assert(r > 0);
        assert(memcmp(&creation, &before, sizeof(creation)) == 0);
        return 0;
    }

    uint64_t longest = text.limits.max_size == 0 ? INT64_MAX : text.limits.max_size;
    says_what_the_headers_say(&text, &creation);
    assert(creation.length.bytes <= longest);
    assert(creation.body.room == (creation.length.known ? creation.length.bytes : longest));
    assert(!creation.appends || text.framing.chunked || text.framing.length <= creation.body.room);
    tus_text_takes_all_that_fits(creation.body, 0);
    return 0;
}
