#include "tools/ferry/text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
    TEXT_INVALID = 0xFFFD
};

static bool text_unicode;    /* the terminal takes UTF-8 */
static locale_t text_locale; /* 0: that of C */

void text_start(void)
{
    text_locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (text_locale == (locale_t)0)
        return; /* a locale that is not installed: ASCII will do */
    text_unicode = strcmp(nl_langinfo_l(CODESET, text_locale), "UTF-8") == 0;
    text_start_thread();
}

void text_start_thread(void)
{
    if (text_locale != (locale_t)0)
        (void)uselocale(text_locale);
}

/* How many bytes follow a first byte of UTF-8, and the bits it carries; -1: no first byte. */
static int text_following(uint8_t first, uint32_t *ret_bits)
{
    int count = first < 0x80 ? 0 : first < 0xC2 ? -1 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;

    if (count < 0 || first > 0xF4)
        return -1;
    *ret_bits = count == 0 ? first : first & (0x3FU >> count);
    return count;
}

uint32_t text_next(const char **text)
{
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    const uint8_t *bytes = (const uint8_t *)*text;
    uint32_t point = 0;
    int count = text_following(bytes[0], &point);

    *text += 1;
    for (int i = 1; i <= count; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return TEXT_INVALID;
        point = point << 6 | (bytes[i] & 0x3F);
    }
    if (count < 0 || point < least[count] || point > 0x10FFFF ||
        (point >= 0xD800 && point < 0xE000))
        return TEXT_INVALID;

    *text += count;
    return point;
}

static bool text_harmless(uint32_t point)
{
    if (point < 0x80)
        return point >= ' ' && point != 0x7F;
    return text_unicode && point != TEXT_INVALID && wcwidth((wchar_t)point) > 0 &&
           !(point >= 0x200B && point <= 0x200F) && !(point >= 0x2028 && point <= 0x202E) &&
           !(point >= 0x2060 && point <= 0x206F);
}

void text_clean(const char *text, size_t size, char *ret_clean)
{
    size_t used = 0;

    while (*text != '\0') {
        const char *from = text;
        bool harmless = text_harmless(text_next(&text));
        size_t count = harmless ? (size_t)(text - from) : 1;

        if (used + count >= size)
            break;
        memcpy(ret_clean + used, harmless ? from : "?", count);
        used += count;
    }
    ret_clean[used] = '\0';
}

char *text_to_utf8(const char *text, size_t count)
{
    char *terminated = strndup(text, count); /* a NUL ends it: no JSON text of ours holds one */
    char *utf8 = malloc(count * 3 + 1);
    size_t used = 0;

    if (terminated == NULL || utf8 == NULL) {
        free(terminated);
        free(utf8);
        return NULL;
    }
    for (const char *at = terminated; *at != '\0';) {
        const char *from = at;
        bool valid = text_next(&at) != TEXT_INVALID;
        size_t bytes = valid ? (size_t)(at - from) : 3;
        memcpy(utf8 + used, valid ? from : "\xEF\xBF\xBD", bytes);
        used += bytes;
    }
    utf8[used] = '\0';
    free(terminated);
    return utf8;
}

size_t text_fit(const char *clean, size_t columns)
{
    const char *at = clean;

    while (*at != '\0') {
        const char *from = at;
        int width = wcwidth((wchar_t)text_next(&at));
        size_t taken = width > 0 ? (size_t)width : 1;
        if (taken > columns)
            return (size_t)(from - clean);
        columns -= taken;
    }
    return (size_t)(at - clean);
}

size_t text_columns(const char *clean)
{
    size_t columns = 0;

    while (*clean != '\0') {
        int width = wcwidth((wchar_t)text_next(&clean));
        columns += width > 0 ? (size_t)width : 1;
    }
    return columns;
}
