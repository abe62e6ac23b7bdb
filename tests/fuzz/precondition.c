/* Preconditions: what is decided agrees with what the fields say one by one. The input is fields, in
 * lines. */

#include "protocol/precondition.h"

#include <assert.h>

#include "protocol/http_date.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

/* Every tag of a list can be read alone again, lies within it, and stands behind a comma. */
static void walk(struct bytes list)
{
    struct bytes whole = list;
    struct entity_tag tag, again;

    while (entity_tag_next(&list, &tag)) {
        assert(tag.opaque.data >= whole.data);
        assert(tag.opaque.data + tag.opaque.count <= whole.data + whole.count);
        const uint8_t *end = tag.opaque.data + tag.opaque.count;
        assert(list.count == 0 || memchr(end, ',', (size_t)(list.data - end)) != NULL);
        assert(entity_tag_parse(tag.opaque, &again));
        assert(!again.weak && entity_tag_equal_weakly(tag, again));
        assert(entity_tag_equal_strongly(tag, again) == !tag.weak);
    }
}

/* The only value is this text. */
static bool only(const struct message *message, const char *name, const char *text)
{
    struct bytes value = { 0 };

    return message_field_count(message, name) == 1 && message_field(message, name, &value) &&
           bytes_equal_text(value, text);
}

/* A weak tag is as good as the same strong one where nothing is cut or changed, and nowhere else. */
static void weak_is_not_strong(const struct message *message, const struct validators *validators)
{
    struct bytes value = { 0 };
    int64_t date = 0;

    if (only(message, "If-Match", "W/\"same\""))
        assert(precondition_evaluate(message, validators) == PRECONDITION_FAILED);
    if (message_field_count(message, "If-Match") == 0 &&
        message_field_count(message, "If-Unmodified-Since") == 0 &&
        (only(message, "If-None-Match", "W/\"same\"") || only(message, "If-None-Match", "*")))
        assert(precondition_evaluate(message, validators) == PRECONDITION_NOT_MODIFIED);
    if (message_field(message, "If-Range", &value) &&
        precondition_range_counts(message, validators)) {
        assert(message_field_count(message, "If-Range") == 1);
        assert(bytes_equal_text(value, "\"same\"") ||
               (http_date_parse(value, validators->now, &date) && date == validators->modified));
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
    weak_is_not_strong(&text.message, &validators);
    if (!match && !none_match && !unmodified)
        assert(precondition_allows_change(&text.message, &validators));
    if (message_field_count(&text.message, "If-Range") == 0)
        assert(precondition_range_counts(&text.message, &validators));
    return 0;
}
