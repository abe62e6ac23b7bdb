/*
 * A checksum that is accepted says what its text says; header and trailer never contradict
 *
 * In the first line the trailer: "t " and its value; "n", a chunked body without one; or anything
 * else, a body with a length. Then fields.
 */

#include "protocol/tus_checksum.h"

#include <assert.h>

#include "protocol/base64.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

/* The value, written again. */
static void says(const struct digest_value *value, struct bytes text)
{
    char base64[BASE64_TEXT_BYTES(DIGEST_BYTES_MAX)];
    const char *name = digest_algorithm_name(value->algorithm);
    struct bytes digest = digest_value_bytes(value);

    assert(value->algorithm != DIGEST_NONE);
    base64_encode(digest, base64);
    assert(bytes_start_with(text, name));
    text = bytes_after(text, strlen(name));
    assert(bytes_start_with(text, " "));
    assert(bytes_equal(bytes_after(text, 1), bytes_of(base64, BASE64_TEXT_BYTES(digest.count))));
    for (size_t i = digest.count; i < DIGEST_BYTES_MAX; i++)
        assert(value->bytes[i] == 0);
}

static void completes(const struct tus_checksum *before, const struct bytes *trailer)
{
    struct tus_checksum checksum = *before;

    int r = tus_checksum_complete(&checksum, trailer);
    if (r != 0 || !before->announced) {
        assert(r >= 0 && (r == 0 || before->announced));
        assert(memcmp(&checksum, before, sizeof(checksum)) == 0);
        return;
    }

    assert(trailer != NULL && checksum.count > 0 && checksum.count <= TUS_CHECKSUMS_MAX);
    says(&checksum.values[checksum.count - 1], *trailer);
    if (checksum.count == 2)
        assert(checksum.values[0].algorithm != checksum.values[1].algorithm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size), value = { 0 };
    struct message_text text;
    struct tus_checksum checksum, before;

    if (size == 0)
        return 0;
    struct bytes line = message_text_cut(&input, '\n');
    bool sent = bytes_start_with(line, "t ");
    struct bytes trailer = sent ? field_trim(bytes_after(line, 2)) : line;
    struct framing framing = { .chunked = sent || bytes_equal_text(line, "n") };
    message_text_fields(input, &text);
    memset(&checksum, 0xa5, sizeof(checksum));
    memset(&before, 0xa5, sizeof(before));

    int r = tus_checksum_parse(&text.message, &framing, &checksum);
    if (r != 0) {
        assert(r > 0);
        assert(memcmp(&checksum, &before, sizeof(checksum)) == 0);
        return 0;
    }

    assert(framing.chunked || !checksum.announced);
    assert(!checksum.announced || message_field(&text.message, "Trailer", &value));
    assert(checksum.count == message_field_count(&text.message, "Upload-Checksum"));
    assert(tus_checksum_expected(&checksum) == (checksum.announced || checksum.count > 0));
    if (message_field(&text.message, "Upload-Checksum", &value))
        says(&checksum.values[0], value);
    completes(&checksum, sent ? &trailer : NULL);
    return 0;
}
