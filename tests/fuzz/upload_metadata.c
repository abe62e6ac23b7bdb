/* What is accepted can be walked over, decoded and written again; the walk never leaves the
 * value. */

#include "protocol/upload_metadata.h"

#include <assert.h>

#include "protocol/base64.h"
#include "tests/fuzz/fuzz.h"

enum {
    INPUT_BYTES_MAX = 4096
};

static void lies_within(struct bytes piece, struct bytes whole)
{
    assert(piece.data >= whole.data);
    assert(piece.data + piece.count <= whole.data + whole.count);
}

static size_t put(char *text, size_t used, struct bytes bytes)
{
    memcpy(text + used, bytes.data, bytes.count);
    return used + bytes.count;
}

static void has_no_key_twice(struct bytes value)
{
    struct upload_metadata_pair one, other;

    while (upload_metadata_next(&value, &one))
        for (struct bytes rest = value; upload_metadata_next(&rest, &other);)
            assert(!bytes_equal(one.key, other.key));
}

/* The pairs, without the blanks that are tolerated around them. */
static size_t write_again(struct bytes value, char *text)
{
    struct upload_metadata_pair pair;
    size_t used = 0, pairs = 0;

    for (struct bytes rest = value; upload_metadata_next(&rest, &pair);) {
        uint8_t data[INPUT_BYTES_MAX];
        char encoded[INPUT_BYTES_MAX + 4];
        size_t count;

        assert(pairs++ < UPLOAD_METADATA_PAIRS_MAX);
        assert(pair.key.count > 0);
        assert(memchr(pair.key.data, ' ', pair.key.count) == NULL);
        assert(memchr(pair.key.data, ',', pair.key.count) == NULL);
        assert(base64_decode(pair.value, data, sizeof(data), &count));
        base64_encode(bytes_of(data, count), encoded);

        if (used > 0)
            text[used++] = ',';
        used = put(text, used, pair.key);
        if (count > 0) {
            text[used++] = ' ';
            used = put(text, used, bytes_of(encoded, BASE64_TEXT_BYTES(count)));
        }
    }
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes value = bytes_of(data, size);
    struct upload_metadata_pair pair;
    char once[INPUT_BYTES_MAX], twice[INPUT_BYTES_MAX];

    if (size > INPUT_BYTES_MAX)
        return 0;
    for (struct bytes rest = value; upload_metadata_next(&rest, &pair);) {
        lies_within(pair.key, value);
        lies_within(pair.value, value);
    }
    if (upload_metadata_check(value) != 0)
        return 0;

    has_no_key_twice(value);
    size_t count = write_again(value, once);
    assert(count <= size);
    assert(upload_metadata_check(bytes_of(once, count)) == 0);
    assert(write_again(bytes_of(once, count), twice) == count);
    assert(memcmp(once, twice, count) == 0);
    return 0;
}
