/* Whatever a server says, the name is one of a file in this folder, and shows what it is. In the first line
 * Content-Disposition, then the URL. */

#include "tools/ferry/filename.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"

enum {
    NAME_BYTES_MAX = 240
};

static void is_safe(const char *name)
{
    static const char *const misleading[] = { "\u061c", "\u200e", "\u200f", "\u2028", "\u2029",
                                              "\u202a", "\u202b", "\u202c", "\u202d", "\u202e",
                                              "\u2066", "\u2067", "\u2068", "\u2069", "\ufeff" };

    assert(*name != '\0' && strlen(name) <= NAME_BYTES_MAX);
    assert(*name != '.' && *name != '-');
    for (const char *at = name; *at != '\0'; at++) {
        assert(*at != '/' && *at != '\\');
        assert((unsigned char)*at >= ' ' && *at != 0x7F);
    }
    for (size_t i = 0; i < sizeof(misleading) / sizeof(misleading[0]); i++)
        assert(strstr(name, misleading[i]) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t count = end == NULL ? size : (size_t)(end - data);
    size_t url_at = count + (end != NULL);
    AUTO_FREE char *disposition = fuzz_text(data, count);
    AUTO_FREE char *url = fuzz_text(data + url_at, size - url_at);

    if (disposition == NULL || url == NULL)
        return 0;
    AUTO_FREE char *named = filename_of(disposition, url);
    AUTO_FREE char *unnamed = filename_of(NULL, url);
    if (named != NULL)
        is_safe(named);
    if (unnamed != NULL)
        is_safe(unnamed);
    return 0;
}
