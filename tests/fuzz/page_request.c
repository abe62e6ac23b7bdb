/* Fields in lines: what is let in has no Origin of another host, and no Host that is a name. */

#include "protocol/page_request.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "protocol/bearer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

static void is_of_this_host(struct bytes origin, struct bytes host)
{
    assert(bytes_start_with(origin, "http://") || bytes_start_with(origin, "https://"));
    origin = bytes_after(origin, strlen(origin.data[4] == 's' ? "https://" : "http://"));
    assert(bytes_equal(origin, host));
}

/* "localhost", or an address; a port perhaps. */
static void is_no_name(struct bytes host)
{
    AUTO_FREE char *text = fuzz_text(host.data, host.count);
    const char *rest = text;

    if (rest == NULL)
        return;
    assert(strlen(text) == host.count);
    if (strncasecmp(rest, "localhost", strlen("localhost")) == 0)
        rest += strlen("localhost");
    else if (*rest == '[')
        rest += strcspn(rest, "]") + 1;
    else
        rest += strspn(rest, "0123456789.");
    assert(rest > text && rest <= text + host.count && (*rest == '\0' || *rest == ':'));
    assert(*rest == '\0' || rest[1 + strspn(rest + 1, "0123456789")] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_text text;
    struct bytes origin, host = { 0 };

    message_text_fields(bytes_of(data, size), &text);
    (void)message_field(&text.message, "Host", &host);
    if (page_request_check(&text.message) == 0 && message_field(&text.message, "Origin", &origin))
        is_of_this_host(origin, host);
    if (page_request_check_host(&text.message) == 0 && host.count > 0)
        is_no_name(host);
    if (bearer_check(&text.message, bytes_of_text("0123456789abcdef")) == 0)
        assert(message_field_count(&text.message, "Authorization") == 1);
    return 0;
}
