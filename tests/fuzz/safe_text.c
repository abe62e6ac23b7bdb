/* Whatever a client wrote: what comes out is short enough, terminated, and does nothing. The first
 * byte of the input is the room. */

#include "protocol/safe_text.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"

static void is_safe(const char *text, size_t count, size_t room)
{
    assert(count < room);
    assert(strlen(text) == count);
    for (size_t i = 0; i < count; i++)
        assert((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256], again[256];
    size_t room = size == 0 || data[0] == 0 ? 1 : data[0];
    struct bytes input = size == 0 ? bytes_of(data, 0) : bytes_of(data + 1, size - 1);

    size_t count = safe_text(input, text, room);
    is_safe(text, count, room);
    assert(safe_text(bytes_of(text, count), again, sizeof(again)) == count);
    assert(memcmp(text, again, count) == 0);

    count = safe_file_name(input, text, room);
    is_safe(text, count, room);
    assert(strpbrk(text, "/\\") == NULL);
    assert(text[0] != '.');
    assert(safe_file_name(bytes_of(text, count), again, sizeof(again)) == count);
    assert(memcmp(text, again, count) == 0);
    return 0;
}
