#include "base/number.h"

bool number_parse(struct bytes text, uint64_t maximum, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (text.count == 0)
        return false;
    for (size_t i = 0; i < text.count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;

        uint64_t digit = text.data[i] - (uint64_t)'0';
        if (digit > maximum || number > (maximum - digit) / 10)
            return false;
        number = number * 10 + digit;
    }

    *ret_number = number;
    return true;
}
