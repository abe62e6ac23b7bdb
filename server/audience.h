#pragma once

/*
 * Audience: everybody who watches events
 *
 * One thread ticks the events (server/events.h), and writes each to all who are to see it: the text is
 * made once, a watcher is a place in the history and a socket. It also sees who has gone.
 *
 *   Bounds     watchers of one upload, and apart from these watchers of all: REFUSED_OVERLOADED beyond. Who
 *              does not read is let go when WATCHER_PATIENCE_MS have gone by, or the history has
 *              gone past the event that is to be sent; nothing but what the socket takes is kept for him
 *   Silence    a comment every HEARTBEAT_MS, so that nothing between takes the connection for dead
 *   Threads    any; audience_stop() from one
 *
 * Calling sequence:  audience_start  { audience_admit  answer_stream }  audience_stop  audience_free
 */

#include <stddef.h>
#include <stdint.h>

#include "server/events.h"
#include "server/stream.h"

struct audience;

enum {
    HEARTBEAT_MS = 15000,
    WATCHER_PATIENCE_MS = 30000,
    WATCHER_RETRY_MS = 2000, /* what a client is told to wait before it comes back */
};

struct audience_options {
    struct events *events; /* borrowed */
    size_t watchers_max;   /* of one upload each */
    size_t all_max;        /* of all uploads */

    /* Tests drive time themselves: no thread; see audience_tick(). */
    bool manual;
};

/* 0 or -errno. */
int audience_start(const struct audience_options *options, struct audience **ret_audience);

/* Ends all streams, and refuses new ones by REFUSED_STOPPING. NULL is fine. Waits for the thread. */
void audience_stop(struct audience *audience);

/* Of one that has stopped, when all streams have been ended or dropped. NULL is fine. */
void audience_free(struct audience *audience);

struct events *audience_events(struct audience *audience);

/* What a watcher is to see. */
struct watch {
    const struct upload_id *id; /* NULL: of all uploads */
    uint64_t after;             /* the events behind that number */
    char *greeting;             /* before these; taken, NULL: none */
    bool ends;                  /* there is nothing behind the greeting */
    uint64_t offset;            /* with an id: what the greeting has told; 0: nothing */
};

/*
 * The stream of a new watcher. Refuses with REFUSED_OVERLOADED, REFUSED_STOPPING; -ENOMEM. The greeting is
 * taken in every case.
 */
int audience_admit(struct audience *audience, const struct watch *watch,
                   struct stream **ret_stream);

struct audience_counts {
    size_t watchers, all; /* at this moment */
    uint64_t dropped;     /* since the start, because they did not read */
};

struct audience_counts audience_counts(struct audience *audience);

/* What the thread does again and again, for tests: wait for sockets, so long at most, and see to them; tick. */
void audience_wait(struct audience *audience, int wait_ms);
void audience_tick(struct audience *audience, uint64_t now_ms, int64_t now_s);
