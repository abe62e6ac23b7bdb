/* Preconditions: what is decided agrees with what the fields say one by one. The input is fields, in
 * lines. */

#include "protocol/precondition.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

/* Every tag of a list can be read alone again, and lies within it. */
static void walk(struct bytes list)
{
    struct bytes whole = list;
    struct entity_tag tag, again;

    while (entity_tag_next(&list, &tag)) {
        assert(tag.opaque.data >= whole.data);
        assert(tag.opaque.data + tag.opaque.count <= whole.data + whole.count);
        assert(entity_tag_parse(tag.opaque, &again));
        assert(!again.weak && entity_tag_equal_weakly(tag, again));
        assert(entity_tag_equal_strongly(tag, again) == !tag.weak);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct validators validators = {
        .entity_tag.opaque = { .data = (const uint8_t *)"\"same\"", .count = 6 },
        .modified = 784111777,
        .now = 1700000000,
    };
    struct message_text text;

    message_text_fields(bytes_of(data, size), &text);
    for (size_t i = 0; i < text.message.field_count; i++)
        walk(text.message.fields[i].value);

    bool match = message_field_count(&text.message, "If-Match") > 0;
    bool none_match = message_field_count(&text.message, "If-None-Match") > 0;
    bool since = message_field_count(&text.message, "If-Modified-Since") == 1;
    bool unmodified = message_field_count(&text.message, "If-Unmodified-Since") == 1;
    switch (precondition_evaluate(&text.message, &validators)) {
    case PRECONDITION_HOLDS: break;
    case PRECONDITION_FAILED: assert(match || unmodified); break;
    case PRECONDITION_NOT_MODIFIED: assert(none_match || since); break;
    }
    if (!match && !none_match && !unmodified)
        assert(precondition_allows_change(&text.message, &validators));
    if (message_field_count(&text.message, "If-Range") == 0)
        assert(precondition_range_counts(&text.message, &validators));
    return 0;
}
