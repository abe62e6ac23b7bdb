/* An append that is accepted begins where the upload ends, and never leads beyond its length. */

#include "protocol/ietf_append.h"

#include "base/refusal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/ietf_text.h"

static void decides(const struct ietf_text *text, const struct ietf_append *append)
{
    const struct ietf_upload *upload = &text->upload;
    struct ietf_body body = { .room = 77, .length.bytes = 77 };

    int early = ietf_append_check_early(append, upload);
    int r = ietf_append_check(append, upload, &text->limits, &body);
    assert(early == 0 || early == r);
    assert(r >= 0 && r < REFUSAL_COUNT);
    if (ietf_append_repeats(append, upload))
        assert(r != 0);
    if (r != 0) {
        assert(body.length.bytes == 77 && body.room == 77);
        return;
    }

    assert(append->offset == upload->offset);
    assert(!upload->complete && !upload->foreign && !upload->damaged && !upload->invalidated);
    assert(append->framing.chunked || append->framing.length <= body.room);

    /* "If multiple requests include indicators, their indicated values MUST match." */
    assert(!upload->length.known ||
           (body.length.known && body.length.bytes == upload->length.bytes));
    assert(!append->length.known ||
           (body.length.known && body.length.bytes == append->length.bytes));
    assert(!body.length.known || upload->offset + body.room <= body.length.bytes);
    assert(!append->completes || append->framing.chunked ||
           (body.length.known && body.length.bytes == append->offset + append->framing.length));
    ietf_text_takes_all_that_fits(body, upload->offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ietf_text text;
    struct ietf_append append, before;

    if (size == 0)
        return 0;
    ietf_text_read(bytes_of(data, size), &text);
    const struct message *message = &text.text.message;
    const struct ietf_version *version = ietf_version_of(message);
    memset(&append, 0xa5, sizeof(append));
    memset(&before, 0xa5, sizeof(before));

    int r = ietf_append_parse(version, message, &text.framing, &append);
    if (r != 0) {
        assert(r > 0);
        assert(memcmp(&append, &before, sizeof(append)) == 0);
        return 0;
    }
    assert(append.version == version);
    assert(append.offset <= IETF_SIZE_MAX && append.length.bytes <= IETF_SIZE_MAX);
    assert(message_field_count(message, "Upload-Offset") == 1);
    decides(&text, &append);
    return 0;
}
