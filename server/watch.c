#include "server/watch.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "protocol/accept.h"
#include "server/audience.h"
#include "server/service.h"
#include "server/uploads.h"

bool watch_preferred(const struct exchange *exchange)
{
    const struct message *message = exchange_message(exchange);

    return accept_prefers(message, "text/event-stream", "application/octet-stream") &&
           accept_prefers(message, "text/event-stream", "application/json;charset=utf-8");
}

/* Where the client goes on, and how its stream begins. */
struct beginning {
    bool back;            /* it has said where it was */
    bool lost;            /* that is too long ago */
    uint64_t after, last; /* numbers of events: what it has seen, what has happened */
};

/* Before the upload is looked at: what happens after this comes as an event. */
static int watch_begin(const struct exchange *exchange, struct beginning *ret_beginning)
{
    struct events *events = audience_events(service_of(exchange)->audience);
    const struct field *seen = NULL;

    int r = message_field_once(exchange_message(exchange), "Last-Event-ID", &seen);
    if (r != 0)
        return r;

    struct beginning beginning = { .last = events_last(events) };
    beginning.after = beginning.last;
    beginning.back = seen != NULL && seen->value.count > 0;
    beginning.lost =
        beginning.back && events_find(events, seen->value, &beginning.after) != PLACE_KNOWN;
    *ret_beginning = beginning;
    return 0;
}

/* Whether the client has to be told how far the upload is; another one is told what it has missed. */
static bool watch_is_fresh(const struct beginning *beginning)
{
    return !beginning->back || beginning->lost;
}

static enum event_kind watch_state(enum upload_state state)
{
    switch (state) {
    case UPLOAD_COMPLETE: return EVENT_COMPLETE;
    case UPLOAD_INVALIDATED: return EVENT_INVALIDATED;
    case UPLOAD_DAMAGED: return EVENT_DAMAGED;
    case UPLOAD_RECEIVING:
    case UPLOAD_VERIFYING:
    case UPLOAD_DELETED: break;
    }
    return EVENT_PROGRESS;
}

/* How long to wait before coming back; that events were lost; how far the upload is. */
static char *watch_greeting(struct events *events, const struct beginning *beginning,
                            const struct observation *upload)
{
    bool fresh = watch_is_fresh(beginning);
    int64_t now_s = clock_realtime_s();
    AUTO_FREE char *reset = NULL, *now = NULL, *stalled = NULL;
    char *greeting = NULL;

    if (beginning->lost)
        reset = events_format(events, beginning->last, EVENT_RESET, now_s, NULL);
    if (upload != NULL) {
        enum event_kind kind = watch_state(upload->state);
        if (fresh || event_is_end(kind))
            now = events_format(events, beginning->last, kind, now_s, upload);
        if (fresh && upload->state == UPLOAD_RECEIVING && !events_has_active(events, &upload->id))
            stalled = events_format(events, beginning->last, EVENT_STALLED, now_s, upload);
    }
    if (asprintf(&greeting, "retry: %d\n\n%s%s%s", WATCHER_RETRY_MS, reset == NULL ? "" : reset,
                 now == NULL ? "" : now, stalled == NULL ? "" : stalled) < 0)
        return NULL;
    return greeting;
}

/* A proxy that collects answers before it hands them on would hand on none of this. */
static void watch_tell(struct answer *answer)
{
    answer->status = 200;
    answer_field(answer, "Content-Type", "text/event-stream");
    answer_field(answer, "Cache-Control", "no-store");
    answer_field(answer, "X-Accel-Buffering", "no");
}

static int watch_stream(struct exchange *exchange, const struct watch *watch)
{
    struct stream *stream = NULL;

    int r = audience_admit(service_of(exchange)->audience, watch, &stream);
    if (r != 0)
        return r;

    watch_tell(exchange_answer(exchange));
    answer_stream(exchange_answer(exchange), stream);
    return 0;
}

static struct observation watch_upload(const struct upload_info *info)
{
    return (struct observation){
        .id = info->id,
        .state = info->state,
        .length_known = info->length_known,
        .length = info->length,
        .offset = info->offset,
    };
}

/* Who has seen the end and asks again is a browser, which does until it is told not to: "a client can be told
 * to stop reconnecting using the HTTP 204 No Content response code"  — HTML, Server-sent events */
static bool watch_is_over(struct events *events, const struct beginning *beginning,
                          const struct observation *upload)
{
    return event_is_end(watch_state(upload->state)) && beginning->back && !beginning->lost &&
           !events_missed(events, beginning->after, &upload->id);
}

int watch(struct exchange *exchange)
{
    CLEANUP(upload_info_done) struct upload_info info = { 0 };
    struct events *events = audience_events(service_of(exchange)->audience);
    struct beginning beginning;
    struct upload_id id;

    exchange_name_operation(exchange, OPERATION_EVENTS);
    int r = service_upload_id(exchange, &id);
    if (r == 0)
        r = watch_begin(exchange, &beginning);
    if (r == 0)
        r = uploads_find(exchange, service_of(exchange)->store, &id, &info);
    if (r != 0)
        return r;

    struct observation upload = watch_upload(&info);
    if (watch_is_over(events, &beginning, &upload)) {
        exchange_answer(exchange)->status = 204;
        return 0;
    }
    struct watch watch = {
        .id = &id,
        .after = beginning.after,
        .greeting = watch_greeting(events, &beginning, &upload),
        .ends = event_is_end(watch_state(upload.state)),
        .offset = watch_is_fresh(&beginning) ? upload.offset : 0,
    };
    return watch.greeting == NULL ? -ENOMEM : watch_stream(exchange, &watch);
}

int watch_all(struct exchange *exchange)
{
    struct events *events = audience_events(service_of(exchange)->audience);
    struct beginning beginning;

    exchange_name_operation(exchange, OPERATION_EVENTS);
    int r = watch_begin(exchange, &beginning);
    if (r != 0)
        return r;

    struct watch watch = {
        .after = beginning.after,
        .greeting = watch_greeting(events, &beginning, NULL),
    };
    return watch.greeting == NULL ? -ENOMEM : watch_stream(exchange, &watch);
}
