#include "protocol/content_disposition.h"

#include <stdio.h>
#include <string.h>

#include "protocol/safe_text.h"

static bool attr_char(unsigned char byte)
{
    /* "attr-char = ALPHA / DIGIT / "!" / "#" / "$" / "&" / "+" / "-" / "." / "^" / "_" / "`" /
     * "|" / "~"" — RFC 8187, 3.2.1 */
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("!#$&+-.^_`|~", byte) != NULL);
}

/* In a quoted string, without anything that programs have been seen to read in different ways.
 * RFC 6266, appendix D: avoid '\' and '"' "because escaping is not implemented by some user
 * agents", "the percent character followed by two hexadecimal characters", and what is not
 * ASCII. */
static bool plain_char(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && strchr("\"\\%", byte) == NULL;
}

/* One '_' for a character, however many bytes it has. Yields whether it is the name itself. */
static bool name_format_ascii(const char *name, char *ret_text)
{
    bool same = true;

    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;
        if ((byte & 0xc0) == 0x80)
            continue;
        *ret_text++ = (char)(plain_char(byte) ? byte : '_');
        same = same && plain_char(byte);
    }
    *ret_text = '\0';
    return same;
}

static void name_format_extended(const char *name, char *ret_text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;
        if (attr_char(byte)) {
            *ret_text++ = (char)byte;
        } else {
            *ret_text++ = '%';
            *ret_text++ = digits[byte >> 4];
            *ret_text++ = digits[byte & 0xf];
        }
    }
    *ret_text = '\0';
}

void content_disposition_format(bool attachment, struct bytes name,
                                char ret_text[static CONTENT_DISPOSITION_BYTES])
{
    const char *type = attachment ? "attachment" : "inline";
    char safe[FILE_NAME_BYTES_MAX + 1], ascii[FILE_NAME_BYTES_MAX + 1];
    char extended[3 * FILE_NAME_BYTES_MAX + 1];

    if (safe_file_name(name, safe, sizeof(safe)) == 0) {
        (void)snprintf(ret_text, CONTENT_DISPOSITION_BYTES, "%s", type);
        return;
    }
    bool same = name_format_ascii(safe, ascii);
    name_format_extended(safe, extended);
    (void)snprintf(ret_text, CONTENT_DISPOSITION_BYTES, "%s; filename=\"%s\"%s%s", type, ascii,
                   same ? "" : "; filename*=UTF-8''", same ? "" : extended);
}
