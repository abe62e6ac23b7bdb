/* Fields in lines: what is let in has no Origin of another host, and no Host that is a name. */

#include "protocol/page_request.h"

#include <assert.h>
#include <stdbool.h>

#include "protocol/bearer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_text text;
    struct bytes origin, host;

    message_text_fields(bytes_of(data, size), &text);
    if (page_request_check(&text.message) == 0 && message_field(&text.message, "Origin", &origin))
        assert(message_field(&text.message, "Host", &host) && origin.count > host.count &&
               bytes_equal(bytes_after(origin, origin.count - host.count), host));
    if (page_request_check_host(&text.message) == 0 &&
        message_field(&text.message, "Host", &host) && host.count > 0)
        assert(
            bytes_equal_nocase(bytes_of(host.data, host.count < 9 ? host.count : 9), "localhost") ||
            host.data[0] == '[' || (host.data[0] >= '0' && host.data[0] <= '9'));
    if (bearer_check(&text.message, bytes_of_text("0123456789abcdef")) == 0)
        assert(message_field_count(&text.message, "Authorization") == 1);
    return 0;
}
