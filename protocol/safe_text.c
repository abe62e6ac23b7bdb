#include "protocol/safe_text.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* The leading byte of a sequence says how long it is and has the first bits. */
static const struct {
    uint8_t mask, lead;
    size_t count;
    uint32_t smallest; /* RFC 3629, 3: a shorter sequence would have to be used below that */
} sequences[] = {
    { 0x80, 0x00, 1, 0 },
    { 0xe0, 0xc0, 2, 0x80 },
    { 0xf0, 0xe0, 3, 0x800 },
    { 0xf8, 0xf0, 4, 0x10000 },
};

static bool code_valid(uint32_t code, uint32_t smallest)
{
    return code >= smallest && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

/* How many bytes the character at the beginning has; 0 when it is not UTF-8. */
static size_t character_count(struct bytes text, uint32_t *ret_code)
{
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        if ((text.data[0] & sequences[i].mask) != sequences[i].lead)
            continue;

        uint32_t code = text.data[0] & (uint8_t)~sequences[i].mask;
        size_t count = sequences[i].count;
        if (count > text.count)
            return 0;
        for (size_t k = 1; k < count; k++) {
            if ((text.data[k] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (text.data[k] & 0x3f);
        }
        *ret_code = code;
        return code_valid(code, sequences[i].smallest) ? count : 0;
    }
    return 0;
}

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
        size_t count = character_count(text, &code);
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
