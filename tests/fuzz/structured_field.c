/* What is read is a part of the field, and can be read again alone; what is refused changes nothing. */

#include "protocol/structured_field.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"

static void decodes(const struct structured_value *value)
{
    uint8_t data[4096] = { 0 };
    size_t count = 99;

    if (!structured_bytes_decode(value, data, sizeof(data), &count)) {
        assert(count == 99);
        return;
    }
    size_t again = 99;
    assert(count <= value->text.count / 4 * 3);
    assert(count == 0 || !structured_bytes_decode(value, data, count - 1, &again));
}

static void reads(const struct structured_value *value, struct bytes field)
{
    const struct bytes *text = &value->text;
    struct structured_value again;

    if (text->count == 0) { /* a key without a value */
        assert(value->kind == STRUCTURED_BOOLEAN && value->boolean);
        return;
    }
    assert(text->data >= field.data && text->data + text->count <= field.data + field.count);
    assert(value->integer <= 999999999999999 && value->integer >= -999999999999999);
    if (value->kind == STRUCTURED_INNER_LIST)
        return;
    assert(structured_item_parse(*text, &again));
    assert(again.kind == value->kind && again.integer == value->integer);
    assert(again.boolean == value->boolean && bytes_equal(again.text, *text));
    if (value->kind == STRUCTURED_BYTES)
        decodes(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = { "a", "b", "sha-256", "*" };
    struct bytes field = bytes_of(data, size);
    struct structured_value value, before;

    memset(&value, 0xa5, sizeof(value));
    memset(&before, 0xa5, sizeof(before));
    if (structured_item_parse(field, &value))
        reads(&value, field);
    else
        assert(memcmp(&value, &before, sizeof(value)) == 0);

    bool valid = structured_dictionary_valid(field);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        memset(&value, 0xa5, sizeof(value));
        if (structured_dictionary_find(field, keys[i], &value)) {
            assert(valid);
            reads(&value, field);
        } else {
            assert(memcmp(&value, &before, sizeof(value)) == 0);
        }
    }
    return 0;
}
