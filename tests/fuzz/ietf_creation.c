/* A creation that is accepted has room for its content, and a length that nothing contradicts. */

#include "protocol/ietf_creation.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/ietf_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ietf_text text;
    struct ietf_creation creation, before;

    if (size == 0)
        return 0;
    ietf_text_read(bytes_of(data, size), &text);
    const struct message *message = &text.text.message;
    const struct ietf_version *version = ietf_version_of(message);
    const struct framing *framing = &text.framing;
    memset(&creation, 0xa5, sizeof(creation));
    memset(&before, 0xa5, sizeof(before));

    int r = ietf_creation_parse(version, message, framing, &text.limits, &creation);
    if (r != 0) {
        assert(r > 0);
        assert(memcmp(&creation, &before, sizeof(creation)) == 0);
        return 0;
    }

    assert(message_field_count(message, version->completeness_field) == 1);
    assert(creation.length.bytes <= ietf_limits_longest(&text.limits));
    assert(framing->chunked || framing->length <= creation.body.room);
    assert(!creation.body.completes || framing->chunked ||
           (creation.length.known && creation.length.bytes == framing->length));
    assert(!creation.announces || (version->number != 0 && creation.content.count == 0));
    assert(creation.stated.algorithm == DIGEST_NONE || creation.stated.algorithm == DIGEST_SHA256);
    ietf_text_takes_all_that_fits(creation.body, 0);
    return 0;
}
