/* Whatever a client calls its file: what is told is one quoted string and one extended value, and no more. */

#include "protocol/content_disposition.h"

#include <assert.h>
#include <string.h>

#include "protocol/message.h"
#include "tests/fuzz/fuzz.h"

/* The end of what stands in quotes. */
static const char *skip_quoted(const char *text)
{
    assert(*text == '"');
    for (text++; *text != '"'; text++)
        assert(*text >= ' ' && *text < 0x7f && *text != '\\' && *text != '/' && *text != '%');
    return text + 1;
}

static void is_extended(const char *text)
{
    for (; *text != '\0'; text++)
        assert(token_valid(bytes_of(text, 1)) && *text != '*' && *text != '\'');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char type[] = "attachment";
    static const char name[] = "; filename=";
    static const char extended[] = "; filename*=UTF-8''";
    char value[CONTENT_DISPOSITION_BYTES];

    content_disposition_format(true, bytes_of(data, size), value);
    assert(strlen(value) < sizeof(value));

    const char *rest = value;
    assert(strncmp(rest, type, strlen(type)) == 0);
    rest += strlen(type);
    if (*rest == '\0')
        return 0;
    assert(strncmp(rest, name, strlen(name)) == 0);
    rest = skip_quoted(rest + strlen(name));
    if (*rest == '\0')
        return 0;
    assert(strncmp(rest, extended, strlen(extended)) == 0);
    is_extended(rest + strlen(extended));
    return 0;
}
