#pragma once

/*
 * Event streams: server-sent events, taken apart
 *
 *     retry: 2000
 *     id: 5f3a-17
 *     event: progress
 *     data: {"offset":1048576}
 *
 *   Ownership  event_stream_done() frees what is inside; a zeroed one is ready
 *   Source     HTML, 9.2 "Server-sent events"
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    EVENT_ID_BYTES = 128,
    EVENT_NAME_BYTES = 32,
    EVENT_LINE_BYTES_MAX = 64 * 1024,
};

struct event {
    const char *name;  /* "message" where the stream names none */
    struct bytes data; /* its lines, with '\n' between them */
};

struct event_stream {
    char id[EVENT_ID_BYTES]; /* of the last event that has one; survives event_stream_restart() */
    uint64_t retry_ms;       /* how long to wait before the next try; 0: it does not say */
    char name[EVENT_NAME_BYTES]; /* of the event that is on its way */
    char *line, *data;           /* that are on their way */
    size_t line_count, data_count;
    bool begun, return_seen; /* the first byte was there; the last one was '\r' */
};

/*
 * Takes bytes as they come, and calls take for each event; which says whether to go on. False when it
 * does not, or for what is too long to be an event: nothing more is taken then.
 */
bool event_stream_take(struct event_stream *stream, struct bytes bytes,
                       bool (*take)(void *context, const struct event *event), void *context);

/* Another connection: what was on its way is lost. */
void event_stream_restart(struct event_stream *stream);
void event_stream_done(struct event_stream *stream);
