/* A digest that the client reads has an algorithm that it knows, and that algorithm's length. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tools/ferry/base64.h"
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

    /* Its bytes stand there, but for the last ones, whose digits may have bits to spare. */
    struct bytes bytes = digest_value_bytes(&digest);
    char text[2 * DIGEST_BYTES_MAX] = ":";
    assert(bytes.count >= 4 && bytes.count <= DIGEST_BYTES_MAX);
    const char *end = base64_format(bytes.data, bytes.count / 3 * 3, text + 1);
    assert(memmem(field, strlen(field), text, (size_t)(end - text)) != NULL);
    return 0;
}
