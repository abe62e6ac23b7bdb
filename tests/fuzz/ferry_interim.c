/* What the client learns of an interim response stands in it, not in the one before. The input is a header, in lines. */

#include "tools/ferry/interim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

static void is_told_by(struct bytes input, const struct interim *interim)
{
    assert(interim->status >= 100 && interim->status < 200);
    assert(interim->version <= UINT64_C(999999999999999));
    if (interim->offset_known)
        assert(interim->offset <= UINT64_C(999999999999999));
    if (interim->location != NULL) {
        size_t count = strlen(interim->location);
        assert(memmem(input.data, input.count, interim->location, count) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    struct bytes rest = input, response = input;
    struct interim interim = { 0 };

    while (rest.count > 0) {
        struct bytes line = message_text_cut(&rest, '\n');
        if (bytes_start_with(field_trim(line), "HTTP/"))
            response = bytes_of(line.data, (size_t)(data + size - line.data));
        if (interim_take(&interim, line))
            is_told_by(bytes_of(response.data, (size_t)(line.data - response.data)), &interim);
    }
    interim_done(&interim);
    assert(interim.location == NULL);
    return 0;
}
