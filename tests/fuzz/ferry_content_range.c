/* A part that is read is one that there can be, and is written as what was read. */

#include "tools/ferry/content_range.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

static void is_read_again(const struct content_range *range)
{
    char text[128], size[32];
    struct content_range again = { 0 };

    (void)snprintf(size, sizeof(size), "%" PRIu64, range->size);
    (void)snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%s", range->first,
                   range->last, range->size_known ? size : "*");
    assert(content_range_parse(bytes_of_text(text), &again));
    assert(again.first == range->first && again.last == range->last);
    assert(again.size_known == range->size_known && again.size == range->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct content_range range = { .first = 77 };

    if (!content_range_parse(bytes_of(data, size), &range)) {
        assert(range.first == 77);
        return 0;
    }
    assert(range.first <= range.last && range.last <= INT64_MAX);
    assert(!range.size_known || range.last < range.size);
    assert(data[size - 1] == '*' || range.size_known);
    is_read_again(&range);
    return 0;
}
