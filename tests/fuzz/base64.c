/* What is accepted has one text only; what is refused leaves everything as it was. */

#include "protocol/base64.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"

enum {
    INPUT_BYTES_MAX = 4096
};

static void reads(struct bytes text)
{
    uint8_t data[INPUT_BYTES_MAX] = { 0xa5 };
    char again[INPUT_BYTES_MAX + 4];
    size_t count = 99;

    if (!base64_decode(text, data, sizeof(data), &count)) {
        assert(data[0] == 0xa5);
        assert(count == 99);
        return;
    }

    assert(count <= text.count);
    assert(BASE64_TEXT_BYTES(count) == text.count);
    base64_encode(bytes_of(data, count), again);
    assert(bytes_equal(bytes_of(again, BASE64_TEXT_BYTES(count)), text));

    size_t short_count = 99;
    assert(count == 0 || !base64_decode(text, data, count - 1, &short_count));
    assert(short_count == 99);
}

static void writes(struct bytes data)
{
    char text[BASE64_TEXT_BYTES(INPUT_BYTES_MAX)];
    uint8_t again[INPUT_BYTES_MAX];
    size_t count;

    base64_encode(data, text);
    assert(
        base64_decode(bytes_of(text, BASE64_TEXT_BYTES(data.count)), again, sizeof(again), &count));
    assert(bytes_equal(bytes_of(again, count), data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX)
        return 0;
    reads(bytes_of(data, size));
    writes(bytes_of(data, size));
    return 0;
}
