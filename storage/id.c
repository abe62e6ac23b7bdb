#define LOG_MODULE "upload"
#include "storage/id.h"

#include <sys/types.h>

#include "base/fail.h"
#include "storage/os.h"

static int digit_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

bool upload_id_parse(struct bytes text, struct upload_id *ret_id)
{
    struct upload_id id;

    if (text.count != UPLOAD_ID_TEXT_BYTES - 1)
        return false;
    for (size_t i = 0; i < UPLOAD_ID_BYTES; i++) {
        int high = digit_value(text.data[2 * i]);
        int low = digit_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }

    *ret_id = id;
    return true;
}

struct upload_id_text upload_id_format(const struct upload_id *id)
{
    static const char digits[] = "0123456789abcdef";
    struct upload_id_text text = { 0 };

    for (size_t i = 0; i < UPLOAD_ID_BYTES; i++) {
        text.text[2 * i] = digits[id->bytes[i] >> 4];
        text.text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    return text;
}

int upload_id_random(struct upload_id *ret_id)
{
    struct upload_id id;

    /* up to 256 bytes come whole or not at all */
    if (os.getrandom(id.bytes, UPLOAD_ID_BYTES, 0) != UPLOAD_ID_BYTES)
        return fail_errno("random bytes for an id");

    *ret_id = id;
    return 0;
}
