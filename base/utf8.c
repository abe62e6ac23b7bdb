#include "base/utf8.h"

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

size_t utf8_character(struct bytes text, uint32_t *ret_code)
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
        if (!code_valid(code, sequences[i].smallest))
            return 0;
        *ret_code = code;
        return count;
    }
    return 0;
}
