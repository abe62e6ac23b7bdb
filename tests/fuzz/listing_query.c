/* What is read of a query lies within its bounds, and a cursor that was read is written as it was. */

#include "protocol/listing_query.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

/* Each pair has a name of its own. */
static void says_nothing_twice(struct bytes query)
{
    while (query.count > 0) {
        struct bytes pair = message_text_cut(&query, '&'), rest = query;
        struct bytes name = message_text_cut(&pair, '=');
        while (rest.count > 0) {
            struct bytes other = message_text_cut(&rest, '&');
            assert(!bytes_equal(message_text_cut(&other, '='), name));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct listing_query query, again;
    char cursor[sizeof("cursor=") - 1 + LISTING_CURSOR_BYTES] = "cursor=";

    if (listing_query_parse(bytes_of(data, size), &query) != 0)
        return 0;
    says_nothing_twice(bytes_of(data, size));
    assert(query.limit >= 1 && query.limit <= LISTING_LIMIT_MAX);
    assert(query.key_count + query.value_count <= LISTING_METADATA_BYTES);
    assert(query.key_known == (query.key_count > 0));
    if (!query.cursor_known)
        return 0;

    listing_cursor_format(query.cursor, cursor + sizeof("cursor=") - 1);
    assert(listing_query_parse(bytes_of_text(cursor), &again) == 0);
    assert(again.cursor.high == query.cursor.high && again.cursor.low == query.cursor.low);
    return 0;
}
