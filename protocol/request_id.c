#include "protocol/request_id.h"

static bool character_valid(uint8_t byte)
{
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    return letter || (byte >= '0' && byte <= '9') ||
           (byte != 0 && strchr("+-./=@_~:", byte) != NULL);
}

bool request_id_valid(struct bytes id)
{
    for (size_t i = 0; i < id.count; i++)
        if (!character_valid(id.data[i]))
            return false;
    return id.count > 0 && id.count <= REQUEST_ID_BYTES_MAX;
}
