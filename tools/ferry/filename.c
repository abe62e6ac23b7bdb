#include "tools/ferry/filename.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "tools/ferry/text.h"

enum {
    FILENAME_BYTES_MAX = 240, /* of 255: there has to be room for ".part" */
    POINT_INVALID = 0xFFFD,
};

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return isxdigit((unsigned char)digit) ? tolower((unsigned char)digit) - 'a' + 10 : -1;
}

/* Undoes %XX; a NUL among them ends the text. */
static char *percent_decode(const char *text, size_t count)
{
    char *decoded = malloc(count + 1);
    size_t used = 0;

    if (decoded == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        bool escape = text[i] == '%' && i + 2 < count && digit_value(text[i + 1]) >= 0 &&
                      digit_value(text[i + 2]) >= 0;
        decoded[used++] = text[i];
        if (escape) {
            int byte = digit_value(text[i + 1]) * 16 + digit_value(text[i + 2]);
            memcpy(decoded + used - 1, &(uint8_t){ (uint8_t)byte }, 1);
            i += 2;
        }
    }
    decoded[used] = '\0';
    return decoded;
}

/* A token, or a quoted text without its quotes. Where it ends goes to ret_end. */
static char *value_parse(const char *text, const char **ret_end)
{
    char *value = malloc(strlen(text) + 1);
    size_t used = 0;
    bool quoted = *text == '"';

    if (value == NULL)
        return NULL;
    for (text += quoted; *text != '\0' && (quoted ? *text != '"' : strchr("; \t", *text) == NULL);
         text++) {
        if (quoted && *text == '\\' && text[1] != '\0')
            text++;
        value[used++] = *text;
    }
    value[used] = '\0';
    *ret_end = text + (quoted && *text == '"');
    return value;
}

/* The value of a parameter such as filename; NULL where it is missing. */
static char *parameter_find(const char *disposition, const char *name)
{
    const char *at = disposition + strcspn(disposition, ";");

    while (*at == ';') {
        at += 1 + strspn(at + 1, " \t");
        const char *key = at;
        at += strcspn(at, "=; \t");
        size_t key_count = (size_t)(at - key);
        at += strspn(at, " \t");
        if (*at == '=') {
            at += 1 + strspn(at + 1, " \t");
            char *value = value_parse(at, &at);
            if (key_count == strlen(name) && strncasecmp(key, name, key_count) == 0)
                return value;
            free(value);
        }
        at += strcspn(at, ";");
    }
    return NULL;
}

/* "UTF-8'en'%e2%82%ac.txt"; other character sets are not read. */
static char *extended_find(const char *disposition)
{
    AUTO_FREE char *value = parameter_find(disposition, "filename*");
    const char *language = value == NULL ? NULL : strchr(value, '\'');
    const char *text = language == NULL ? NULL : strchr(language + 1, '\'');

    if (text == NULL || strncasecmp(value, "UTF-8'", 6) != 0)
        return NULL;
    return percent_decode(text + 1, strlen(text + 1));
}

static char *segment_of(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme == NULL ? url : scheme + 3;
    const char *path = host + strcspn(host, "/?#");
    size_t count = strcspn(path, "?#");

    while (count > 0 && path[count - 1] == '/')
        count--;
    size_t begin = count;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    return percent_decode(path + begin, count - begin);
}

/* Separators of lines, and the direction of writing, by which photo-gpj.exe is read as photo-exe.jpg. */
static bool point_misleads(uint32_t point)
{
    return point == 0x061C || point == 0x200E || point == 0x200F || point == 0xFEFF ||
           (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

static bool point_harmless(uint32_t point)
{
    bool control = point < ' ' || (point >= 0x7F && point < 0xA0);

    return !control && point != POINT_INVALID && point != '/' && point != '\\' &&
           !point_misleads(point);
}

/* One name of what somebody else wrote; NULL where nothing is left of it. */
static char *name_make_safe(const char *text)
{
    /* what is before the last / or \ is somebody's folder */
    for (const char *at = text; *at != '\0'; at++)
        if ((*at == '/' || *at == '\\') && at[1] != '\0')
            text = at + 1;
    char *safe = malloc(strlen(text) + 1);
    size_t used = 0;

    while (safe != NULL && *text != '\0') {
        const char *from = text;
        uint32_t point = text_next(&text);
        bool harmless = point_harmless(point) && !(used == 0 && (point == '.' || point == '-'));
        size_t count = harmless ? (size_t)(text - from) : 1;
        if (used + count > FILENAME_BYTES_MAX)
            break;
        memcpy(safe + used, harmless ? from : "_", count);
        used += count;
    }
    if (used == 0) {
        free(safe);
        return NULL;
    }
    safe[used] = '\0';
    return safe;
}

char *filename_of(const char *disposition, const char *url)
{
    AUTO_FREE char *extended = disposition == NULL ? NULL : extended_find(disposition);
    AUTO_FREE char *plain = disposition == NULL ? NULL : parameter_find(disposition, "filename");
    AUTO_FREE char *segment = segment_of(url);
    const char *candidates[] = { extended, plain, segment };

    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        char *safe = candidates[i] == NULL ? NULL : name_make_safe(candidates[i]);
        if (safe != NULL)
            return safe;
    }
    return strdup("download");
}
