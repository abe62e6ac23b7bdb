#pragma once

/*
 * The content of an answer that lies in a file, on its way to the client
 *
 *   Loops      never wait for a disk: what the page cache has is read on the loop, everything else by
 *              a reader (exchanges_options.readers) while the connection is suspended
 *   Short      a file with fewer bytes than were announced, or that cannot be read, ends the connection:
 *              the client sees that bytes are missing
 *   Bounds     one piece of memory of at most CONTENT_BLOCK_BYTES and one job for a reader per answer
 *   Source     preadv2(2), RWF_NOWAIT; libmicrohttpd 0.9.75, try_ready_normal_body()
 */

#include <microhttpd.h>

#include "server/exchange.h"

enum {
    CONTENT_BLOCK_BYTES = 64 * 1024
};

/* The response that sends answer.file of this exchange, whose descriptor is taken in every case. NULL
 * when there is no memory. */
struct MHD_Response *exchange_content(struct exchange *exchange);
