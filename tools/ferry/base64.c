#include "tools/ferry/base64.h"

#include <stdlib.h>
#include <string.h>

/* no NUL behind it */
static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_format(const void *value, size_t count, char *out)
{
    const uint8_t *bytes = value;

    for (size_t i = 0; i < count; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16;
        if (i + 1 < count)
            bits |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < count)
            bits |= bytes[i + 2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = (char)(i + 1 < count ? alphabet[bits >> 6 & 63] : '=');
        *out++ = (char)(i + 2 < count ? alphabet[bits & 63] : '=');
    }
    return out;
}

char *base64_parse(const char *text, size_t count, size_t *ret_count)
{
    size_t digits = count;
    uint32_t bits = 0;
    size_t used = 0;

    while (digits > 0 && count - digits < 2 && text[digits - 1] == '=')
        digits--;
    char *value = count % 4 == 0 ? malloc(count / 4 * 3 + 1) : NULL;
    if (value == NULL)
        return NULL;

    for (size_t i = 0; i < digits; i++) {
        const char *digit = memchr(alphabet, text[i], sizeof(alphabet));
        if (digit == NULL) {
            free(value);
            return NULL;
        }
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        if (i % 4 != 0)
            value[used++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    value[used] = '\0';
    *ret_count = used;
    return value;
}
