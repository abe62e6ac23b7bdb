/* A digest that the client reads has an algorithm that it knows, and that algorithm's length. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tools/ferry/digest_field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *field = fuzz_text(data, size);

    if (field == NULL)
        return 0;
    struct digest_value digest = digest_field_parse(field);
    if (digest.algorithm == DIGEST_NONE)
        return 0;
    assert(strcasestr(field, digest_algorithm_name(digest.algorithm)) != NULL ||
           strstr(field, "sha") != NULL);
    size_t count = digest_value_bytes(&digest).count;
    assert(count >= 4 && count <= DIGEST_BYTES_MAX);
    return 0;
}
