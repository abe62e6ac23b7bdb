/* Wherever a server sends the client, it is a web address without a password, and no other host's where it is said to
 * be of the same origin; never out of the encryption. The input is a Location. */

#include "tools/ferry/address.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void leads_to_the_web(const char *url)
{
    struct address address = { 0 };

    assert(strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0);
    for (const char *at = url; *at != '\0'; at++)
        assert((unsigned char)*at > ' ' && *at != 0x7f && *at != '#');
    assert(address_parse(url, &address));
    assert(address.user == NULL && address.password == NULL);
    assert(strcmp(address.url, url) == 0);
    address_done(&address);
}

/* The host ends there, and its port is the one that goes without saying. */
static void is_of_this_host(const char *url)
{
    static const char origin[] = "https://h.example";

    assert(strncasecmp(url, origin, strlen(origin)) == 0);
    const char *rest = url + strlen(origin);
    if (strncmp(rest, ":443", 4) == 0)
        rest += 4;
    assert(*rest == '\0' || *rest == '/' || *rest == '?');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *location = fuzz_text(data, size);

    if (location == NULL)
        return 0;
    AUTO_FREE char *secure = address_resolve("https://h.example/files/", location);
    AUTO_FREE char *plain = address_resolve("http://h.example:8080/files/", location);
    if (secure != NULL) {
        leads_to_the_web(secure);
        assert(strncmp(secure, "https://", 8) == 0);
        assert(address_same_origin(secure, secure));
        if (address_same_origin(secure, "https://h.example"))
            is_of_this_host(secure);
    }
    if (plain != NULL)
        leads_to_the_web(plain);
    return 0;
}
