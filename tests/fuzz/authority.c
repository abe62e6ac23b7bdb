/* What is taken for an authority can be put into a URL and a list, and names one host. */

#include "protocol/authority.h"

#include <assert.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!authority_valid(bytes_of(data, size)))
        return 0;

    assert(size > 0 && data[0] != ':');
    for (size_t i = 0; i < size; i++) {
        assert(data[i] > ' ' && data[i] <= '~');
        assert(strchr("/?#@,\"\\<>", data[i]) == NULL);
    }
    size_t name = data[0] == '[' ? (size_t)((const uint8_t *)memchr(data, ']', size) - data) : 0;
    const uint8_t *colon = memchr(data + name, ':', size - name);
    for (const uint8_t *at = colon; at != NULL && ++at < data + size;)
        assert(*at >= '0' && *at <= '9');
    return 0;
}
