#include "protocol/media_type.h"

#include "protocol/message.h"

bool media_type_is(struct bytes value, const char *type)
{
    const uint8_t *parameters = value.count == 0 ? NULL : memchr(value.data, ';', value.count);

    if (parameters != NULL)
        value.count = (size_t)(parameters - value.data);
    return bytes_equal_nocase(field_trim(value), type);
}
