#pragma once

/*
 * Interim responses: what a server says while the request is still on its way
 *
 *     HTTP/1.1 104 Upload Resumption Supported
 *     Upload-Draft-Interop-Version: 10
 *     Location: /files/34923c632fdccd2cc65cbc9f3721c28a
 *
 *   Source     RFC 9110, 15.2; draft-ietf-httpbis-resumable-upload, "104 (Upload Resumption Supported)"
 *   Ownership  interim_done() frees what is inside; a zeroed one is fine
 */

#include "base/bytes.h"

struct interim {
    unsigned status;
    uint64_t version; /* Upload-Draft-Interop-Version, 0: none */
    char *location;   /* as it came, or NULL */
    bool offset_known;
    uint64_t offset; /* Upload-Offset */
};

/*
 * Takes the lines of a response's header one by one, as they came. True behind the last line of an
 * interim one, which is whole then. The next response begins by itself.
 */
bool interim_take(struct interim *interim, struct bytes line);
void interim_done(struct interim *interim);
