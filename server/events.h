#pragma once

/*
 * Events: what happens to uploads, for who watches them
 *
 * What a store tells of every change (storage/observer.h) is gathered per upload, and turned into events
 * at each tick: so an upload that commits a thousand times a second makes two events of that, and no
 * commit waits for anybody who watches. The last of them are remembered, for watchers that come back.
 *
 *   Words     created; progress, the offset has grown or the length is known now; stalled, no byte for
 *             STALLED_MS; resumed, bytes come again; complete, invalidated, damaged, deleted, expired,
 *             of which each is the end of what can be watched; reset, events were lost
 *   Ids       EPOCH-NUMBER: an epoch is one run of the server, numbers grow by one
 *   Bounds    uploads at a time, history events, see struct events_options; where more happens than
 *             fits, a reset says so
 *   Threads   events_observe() and what looks without a tick: any. events_tick(), events_at() and
 *             events_text(): one, always the same.
 *   Source    HTML, "Server-sent events"
 *
 * Calling sequence:  events_new  { events_observe }  { events_tick { events_at events_text } }  events_free
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "storage/observer.h"

/* In the order in which those of one upload are told that belong to one tick. */
enum event_kind {
    EVENT_CREATED,
    EVENT_RESUMED,
    EVENT_PROGRESS,
    EVENT_STALLED,
    EVENT_COMPLETE,
    EVENT_INVALIDATED,
    EVENT_DAMAGED,
    EVENT_DELETED,
    EVENT_EXPIRED,
    EVENT_RESET, /* of no upload */
};

enum {
    EVENTS_TICK_MS = 500,
    STALLED_MS = 6000, /* five seconds, and the one by which storage may tell late that bytes have come */
    EVENTS_HISTORY = 4096,
    EVENTS_UPLOADS = 16384,
};

struct events;

struct events_options {
    const char *url_base; /* what stands before an upload's name in its URL; copied */
    size_t history;       /* events that are remembered */
    size_t uploads;       /* that get bytes or change otherwise at a time */
};

/* 0 or -errno. */
int events_new(const struct events_options *options, struct events **ret_events);
void events_free(struct events *events);

/* For struct observer; argument: the events. */
void events_observe(void *argument, const struct observation *observation);

/* ---- one thread ---- */

/* Every EVENTS_TICK_MS. Times of the monotonic clock, and for people. */
void events_tick(struct events *events, uint64_t now_ms, int64_t now_s);

struct event {
    uint64_t number;
    enum event_kind kind;
    int64_t time_s;
    struct observation upload;
    char *text; /* once somebody wanted it */
    size_t text_count;
};

/* The event of that number; NULL when it is forgotten, or still to come. Borrowed until the next tick. */
const struct event *events_at(struct events *events, uint64_t number);

/* As it goes over the line; the same memory for all who ask. Empty when there is no memory. */
struct bytes events_text(struct events *events, const struct event *event);

/* ---- any thread ---- */

/* The number of the last one; 0: there was none yet. */
uint64_t events_last(struct events *events);

enum events_place {
    PLACE_KNOWN, /* all that came behind it is remembered */
    PLACE_LOST,  /* of another run, long ago, or no id of ours at all */
};

/* Where a client is that has seen the event of this id; ret_number counts when that is known. */
enum events_place events_find(struct events *events, struct bytes id, uint64_t *ret_number);

/* Whether an event about the upload is remembered that came behind that number. */
bool events_missed(struct events *events, uint64_t number, const struct upload_id *id);

/* Whether bytes of it have come in the last STALLED_MS, or it was created then. */
bool events_has_active(struct events *events, const struct upload_id *id);

/* An event that is for one watcher alone, with the id of the number. The caller frees it; NULL without memory. */
char *events_format(struct events *events, uint64_t number, enum event_kind kind, int64_t time_s,
                    const struct observation *upload);

/* Whether nothing more is to come about the upload. */
bool event_is_end(enum event_kind kind);
