#include "protocol/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum {
    NO_DIGIT = 64
};

static unsigned digit_value(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - (unsigned)'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - (unsigned)'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - (unsigned)'0' + 52;
    if (byte == '+')
        return 62;
    return byte == '/' ? 63 : NO_DIGIT;
}

/* The digits of the text without their padding. */
static size_t digit_count(struct bytes text)
{
    size_t count = text.count;

    for (size_t padding = 0; padding < 2 && count > 0 && text.data[count - 1] == '='; padding++)
        count--;
    return count;
}

bool base64_count(struct bytes text, size_t *ret_count)
{
    size_t digits = digit_count(text);

    if (text.count % 4 != 0)
        return false;
    for (size_t i = 0; i < digits; i++)
        if (digit_value(text.data[i]) == NO_DIGIT)
            return false;

    /* RFC 4648, 3.5: "decoders MAY choose to reject an encoding if the pad bits have not been set
     * to zero": then every value has one text only. */
    if (digits % 4 == 2 && (digit_value(text.data[digits - 1]) & 0xf) != 0)
        return false;
    if (digits % 4 == 3 && (digit_value(text.data[digits - 1]) & 0x3) != 0)
        return false;

    *ret_count = digits / 4 * 3 + digits % 4 * 3 / 4;
    return true;
}

bool base64_decode(struct bytes text, uint8_t *ret_data, size_t room, size_t *ret_count)
{
    size_t count;

    if (!base64_count(text, &count) || count > room)
        return false;

    for (size_t i = 0; i < count; i++) {
        const uint8_t *digits = text.data + i / 3 * 4 + i % 3;
        unsigned pair = digit_value(digits[0]) << 6 | digit_value(digits[1]);
        ret_data[i] = (uint8_t)(pair >> (4 - i % 3 * 2));
    }
    *ret_count = count;
    return true;
}

void base64_encode(struct bytes data, char *ret_text)
{
    for (size_t i = 0; i < data.count; i += 3) {
        size_t count = data.count - i < 3 ? data.count - i : 3;
        unsigned group = (unsigned)data.data[i] << 16;
        if (count > 1)
            group |= (unsigned)data.data[i + 1] << 8;
        if (count > 2)
            group |= data.data[i + 2];

        ret_text[0] = alphabet[group >> 18];
        ret_text[1] = alphabet[group >> 12 & 63];
        ret_text[2] = '=';
        ret_text[3] = '=';
        if (count > 1)
            ret_text[2] = alphabet[group >> 6 & 63];
        if (count > 2)
            ret_text[3] = alphabet[group & 63];
        ret_text += 4;
    }
}
