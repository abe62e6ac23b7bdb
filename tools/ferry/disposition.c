#include "tools/ferry/disposition.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/text.h"

/* For old programs: ASCII that needs no quoting, and '_' for everything else. */
static char *name_to_ascii(const char *name)
{
    char *ascii = malloc(strlen(name) + 1);
    char *out = ascii;

    while (ascii != NULL && *name != '\0') {
        uint32_t point = text_next(&name);
        bool plain = point >= ' ' && point <= '~' && strchr("\"\\%", (int)point) == NULL;
        *out++ = (char)(plain ? (int)point : '_');
    }
    if (ascii != NULL)
        *out = '\0';
    return ascii;
}

/* attr-char = ALPHA / DIGIT / "!" / "#" / "$" / "&" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~"
 * - RFC 8187, 3.2.1 */
static bool attribute_character(char character)
{
    return isalnum((unsigned char)character) || strchr("!#$&+-.^_`|~", character) != NULL;
}

static char *name_to_extended(const char *name)
{
    char *extended = malloc(3 * strlen(name) + 1);
    char *out = extended;

    for (; extended != NULL && *name != '\0'; name++)
        if (attribute_character(*name))
            *out++ = *name;
        else
            out += sprintf(out, "%%%02X", (unsigned char)*name); /* fits: three for each */
    if (extended != NULL)
        *out = '\0';
    return extended;
}

char *disposition_format(const char *name)
{
    AUTO_FREE char *ascii = name_to_ascii(name);
    AUTO_FREE char *extended = name_to_extended(name);
    char *value = NULL;

    if (*name == '\0' || ascii == NULL || extended == NULL)
        return NULL;
    int count =
        strcmp(ascii, name) == 0
            ? asprintf(&value, "inline; filename=\"%s\"", ascii)
            : asprintf(&value, "inline; filename=\"%s\"; filename*=UTF-8''%s", ascii, extended);
    return count < 0 ? NULL : value;
}
