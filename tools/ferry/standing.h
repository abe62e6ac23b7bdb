#pragma once

/*
 * Standings: what a server says of an upload
 *
 *   Ownership  standing_done() frees what is inside; a zeroed one is fine
 */

#include "tools/ferry/response.h"

struct standing {
    char *url; /* where it is; NULL: this answer does not tell */
    bool offset_known, length_known;
    uint64_t offset, length;
    bool complete;       /* the server has it all, and knows that this is all */
    bool closed;         /* it says so, but its final answer is still wanted */
    uint64_t append_max; /* bytes in one request; 0: no limit is told */
    struct digest_value digest;
};

/* Offset, length and digest as the response has them. */
void standing_read(const struct response *response, struct standing *ret_standing);
void standing_done(struct standing *standing);
