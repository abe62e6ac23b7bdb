#pragma once

/*
 * Stream: the content of an answer that somebody writes by himself
 *
 * For an answer that goes on for as long as its client likes, and is written in many small pieces by one
 * thread for all of them. The connection leaves its loop, and libmicrohttpd, for that: neither has any work
 * with it, no timeout of theirs ends it, and it goes on being counted. Its writer has to watch for the client's end.
 *
 *   Framing    none: the end of the connection is the end of the content. To a HEAD nothing is streamed, and
 *              what a client has sent behind its request is never read.
 *   Ownership  an answer has the stream until begin() or drop() is called, of which one is, once
 *   Threads    begin() and drop() are called on the loop and must not wait; stream_end() on any
 *
 * Calling sequence:  answer_stream  begin  stream_end
 */

#include <stddef.h>
#include <stdint.h>

#include "server/exchange.h"

/* First in the object of who writes. */
struct stream {
    /*
     * From here on the socket, which does not block, is the stream's to be written to and to be watched,
     * until it calls stream_end(). It begins with the header. stream_end() may be called at once.
     */
    void (*begin)(struct stream *stream, struct exchange *exchange, int socket);

    /* Nothing will be written. */
    void (*drop)(struct stream *stream);

    char *header; /* for begin(), which takes it */
    size_t header_count;
};

/* That was all: closes the socket. sent says how many bytes of content, why one word for the log, a literal. */
void stream_end(struct exchange *exchange, uint64_t sent, const char *why);
