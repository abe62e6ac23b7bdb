#include "tools/ferry/protocol.h"

#include <string.h>

const struct protocol *protocol_find(const char *name)
{
    static const struct protocol *const protocols[] = { &protocol_tus, &protocol_ietf };

    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
        if (strcmp(protocols[i]->name, name) == 0)
            return protocols[i];
    return NULL;
}
