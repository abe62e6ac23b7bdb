/* A media type that is valid may stand in a header, and has a '/' between two tokens. */

#include "protocol/media_type.h"

#include <assert.h>

#include "protocol/message.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes value = bytes_of(data, size);

    (void)media_type_inert(value);
    if (!media_type_valid(value))
        return 0;

    const uint8_t *slash = memchr(data, '/', size);
    assert(slash != NULL);
    assert(token_valid(bytes_of(data, (size_t)(slash - data))));
    assert(field_value_valid(value));
    for (size_t i = 0; i < size; i++)
        assert(data[i] < 0x7f && data[i] != '\\' && (data[i] >= ' ' || data[i] == '\t'));
    return 0;
}
