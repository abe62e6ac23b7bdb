/* What is kept is well-formed, whatever was sent, and a file name leads nowhere. */

#include "protocol/ietf_metadata.h"

#include <assert.h>

#include "protocol/upload_metadata.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char room[IETF_METADATA_BYTES];
    uint8_t name[1024];
    struct message_text text;
    size_t count = 0;

    if (size == 0)
        return 0;
    message_text_fields(bytes_of(data, size), &text);
    struct bytes metadata = ietf_metadata(&text.message, room);
    assert(upload_metadata_check(metadata) == 0);
    if (metadata.data != (const uint8_t *)room)
        return 0; /* the client's own */
    assert(metadata.count <= sizeof(room));
    if (upload_metadata_find(metadata, "filename", name, sizeof(name), &count))
        assert(count > 0 && name[0] != '.' && memchr(name, '/', count) == NULL);
    return 0;
}
