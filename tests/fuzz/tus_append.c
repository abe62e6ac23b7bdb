/* An append that is accepted begins where the upload ends, and never leads beyond its length. */

#include "protocol/tus_append.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tus_text.h"

static void decides(const struct tus_text *text, const struct tus_append *append)
{
    const struct tus_upload *upload = &text->upload;
    struct tus_body body, before;

    memset(&body, 0xa5, sizeof(body));
    memset(&before, 0xa5, sizeof(before));
    int early = tus_append_check_early(append, upload);
    int r = tus_append_check(append, upload, text->limits, &body);
    assert(early == 0 || early == r);
    if (r != 0) {
        assert(r > 0);
        assert(memcmp(&body, &before, sizeof(body)) == 0);
        return;
    }

    assert(append->offset == upload->offset);
    assert(!upload->final && !upload->damaged && !upload->invalidated);
    assert(append->framing.chunked || append->framing.length <= body.room);

    /* "Once set the length MUST NOT be changed." */
    const struct tus_length *length = upload->length.known ? &upload->length : &append->length;
    assert(body.length.known == length->known);
    assert(body.length.bytes == length->bytes);
    assert(!length->known || upload->complete || upload->offset + body.room == length->bytes);
    assert(!upload->complete || body.room == 0);
    tus_text_takes_all_that_fits(body, upload->offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tus_text text;
    struct tus_append append, before;
    struct bytes value = { 0 };

    if (size == 0)
        return 0;
    tus_text_read(bytes_of(data, size), &text);
    const struct message *message = &text.text.message;
    memset(&append, 0xa5, sizeof(append));
    memset(&before, 0xa5, sizeof(before));

    int r = tus_append_parse(message, &text.framing, &append);
    if (r != 0) {
        assert(r > 0);
        assert(memcmp(&append, &before, sizeof(append)) == 0);
        return 0;
    }

    assert(message_field(message, "Tus-Resumable", &value) && bytes_equal_text(value, "1.0.0"));
    tus_text_states(message, "Upload-Offset", append.offset);
    tus_text_states_length(message, append.length);
    decides(&text, &append);
    return 0;
}
