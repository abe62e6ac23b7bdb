/* Whatever a client accepts: weights stay within their bounds, whom it prefers has one answer, and a
 * member of the list that says nothing about a type changes nothing for it. */

#include "protocol/accept.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

#define JSON  "application/json;charset=utf-8"
#define BYTES "application/octet-stream"

static unsigned weight(const struct field *fields, size_t count, const char *type)
{
    const struct message message = { .fields = fields, .field_count = count };
    return accept_weight(&message, type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct field fields[] = {
        { bytes_of_text("Accept"), field_trim(bytes_of(data, size)) },
        { bytes_of_text("Accept"), bytes_of_text("text/html;q=0.9, application/json;q=x") },
        { bytes_of_text("Accept"), bytes_of_text(JSON) },
        { bytes_of_text("Accept"), bytes_of_text(JSON ";q=0") },
    };
    const struct field refused[] = { fields[3], fields[0] };
    const struct message message = { .fields = fields, .field_count = 1 };

    unsigned json = weight(fields, 1, JSON);
    unsigned bytes = weight(fields, 1, BYTES);
    assert(json <= ACCEPT_WEIGHT_MAX && bytes <= ACCEPT_WEIGHT_MAX);
    assert(accept_prefers(&message, JSON, BYTES) == (json > bytes));
    assert(accept_prefers(&message, BYTES, JSON) == (bytes > json));

    assert(weight(fields, 2, JSON) == json);
    assert(weight(fields, 3, BYTES) == bytes);

    /* No range without parameters is as precise as that one. */
    if (memchr(data, ';', size) == NULL)
        assert(weight(refused, 2, JSON) == 0);

    /* What is acceptable was named. */
    if (json > 0)
        assert(memchr(data, '/', size) != NULL);
    return 0;
}
