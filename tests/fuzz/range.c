/* A range that is chosen lies within the content; what a Content-Range says of it means the same. The
 * first line of the input is the length. */

#include "protocol/range.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    struct bytes value = bytes_of(data, size);
    struct range range = { 0 }, again = { 0 };
    uint64_t length = 10000;
    char text[64];

    if (end != NULL) {
        (void)number_parse(bytes_of(data, (size_t)(end - data)), INT64_MAX, &length);
        value = bytes_after(value, (size_t)(end - data) + 1);
    }
    switch (range_choose(value, length, &range)) {
    case RANGE_WHOLE:
    case RANGE_UNSATISFIABLE: assert(range.count == 0 && range.first == 0); return 0;
    case RANGE_PART: break;
    }

    assert(range.count > 0);
    assert(range.first < length && range.count <= length - range.first);
    (void)snprintf(text, sizeof(text), "bytes=%" PRIu64 "-%" PRIu64, range.first,
                   range.first + range.count - 1);
    assert(range_choose(bytes_of_text(text), length, &again) == RANGE_PART);
    assert(again.first == range.first && again.count == range.count);
    return 0;
}
