#include "protocol/safe_text.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/utf8.h"

static bool character_harmless(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        return false; /* controls */
    if (code == 0x200e || code == 0x200f || code == 0x061c || (code >= 0x2028 && code <= 0x202e) ||
        (code >= 0x2066 && code <= 0x2069))
        return false; /* separators of lines, and the direction of writing */
    return code != 0xfeff;
}

static bool file_name_character(uint32_t code, size_t position)
{
    return code != '/' && code != '\\' && (code != '.' || position > 0);
}

static size_t text_copy(struct bytes text, char *ret_text, size_t room, bool file_name)
{
    size_t used = 0;

    assert(room > 0);
    while (text.count > 0) {
        uint32_t code = 0;
        size_t count = utf8_character(text, &code);
        bool keep = count > 0 && character_harmless(code) &&
                    (!file_name || file_name_character(code, used));
        size_t written = keep ? count : 1;

        if (written >= room - used)
            break;
        if (keep)
            memcpy(ret_text + used, text.data, count);
        else
            ret_text[used] = '_';
        used += written;
        text = bytes_after(text, count > 0 ? count : 1);
    }
    ret_text[used] = '\0';
    return used;
}

size_t safe_text(struct bytes text, char *ret_text, size_t room)
{
    return text_copy(text, ret_text, room, false);
}

size_t safe_file_name(struct bytes text, char *ret_name, size_t room)
{
    return text_copy(text, ret_name, room, true);
}
