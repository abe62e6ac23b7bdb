#include "tools/ferry/standing.h"

#include <stdlib.h>

void standing_read(const struct response *response, struct standing *ret_standing)
{
    *ret_standing = (struct standing){
        .offset_known = response->offset_known,
        .offset = response->offset,
        .length_known = response->length_known,
        .length = response->length,
        .append_max = response->append_max,
        .digest = response->digest,
    };
}

void standing_done(struct standing *standing)
{
    free(standing->url);
    *standing = (struct standing){ 0 };
}
