/* Metadata that the client reads are written as what is read as the same. */

#include "tools/ferry/metadata.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void same(const struct metadata *one, const struct metadata *other)
{
    assert(one->count == other->count);
    for (size_t i = 0; i < one->count; i++) {
        const struct metadata_pair *a = &one->pairs[i], *b = &other->pairs[i];
        assert(strcmp(a->key, b->key) == 0);
        assert(a->value_count == b->value_count);
        assert(memcmp(a->value, b->value, a->value_count) == 0);
        assert(a->value[a->value_count] == '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *header = fuzz_text(data, size);
    struct metadata metadata, again;

    if (header == NULL)
        return 0;
    metadata_parse(header, &metadata);
    assert(metadata.count <= METADATA_PAIRS_MAX);
    (void)metadata_find(&metadata, "filename");

    AUTO_FREE char *written = metadata_format(&metadata);
    if (written != NULL) {
        assert(strlen(written) < METADATA_HEADER_BYTES_MAX);
        metadata_parse(written, &again);
        same(&metadata, &again);
        metadata_done(&again);
    }
    metadata_done(&metadata);
    return 0;
}
