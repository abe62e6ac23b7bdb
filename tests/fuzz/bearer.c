/* Who is let in has shown the whole token, once. In the first line the token, then fields. */

#include "protocol/bearer.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    struct bytes token = message_text_cut(&input, '\n');
    struct message_text text;
    struct bytes value;

    if (!bearer_token_valid(token))
        return 0;
    assert(token.count >= BEARER_TOKEN_MIN && token.count <= BEARER_TOKEN_MAX);
    message_text_fields(input, &text);

    size_t shown = message_field_count(&text.message, "Authorization");
    int r = bearer_check(&text.message, token);
    assert(shown == 1 || r != 0);
    if (r != 0)
        return 0;
    assert(message_field(&text.message, "Authorization", &value));
    assert(value.count > token.count);
    assert(bytes_equal(bytes_after(value, value.count - token.count), token));
    assert(bytes_equal_nocase(bytes_of(value.data, 6), "bearer"));
    return 0;
}
