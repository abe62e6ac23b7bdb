/* What goes into the log and back to the client is one word. */

#include "protocol/request_id.h"

#include <assert.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!request_id_valid(bytes_of(data, size)))
        return 0;
    assert(size > 0 && size <= REQUEST_ID_BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        assert(data[i] > ' ' && data[i] <= '~');
        assert(strchr("\"\\;,%<>{}'", data[i]) == NULL);
    }
    return 0;
}
