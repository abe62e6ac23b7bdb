/*
 * Invariants:
 *
 *   1. A watcher that is neither blocked nor arriving has been sent all that is for it, up to the last event.
 *   2. One that is blocked has a text of which a part was not taken, and EPOLLOUT in epoll's set.
 *   3. The socket of a watcher leaves epoll's set before stream_end(): closing it alone would leave it there
 *      as long as its loop has not closed its own descriptor yet.
 */
#define LOG_MODULE "audience"
#include "server/audience.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/refusal.h"

enum {
    BUCKETS = 1024,
    EPOLL_EVENTS = 64,
    SOCKET_BYTES = 32 * 1024, /* the kernel keeps for one who reads slowly; it doubles that */
};

struct watcher {
    struct stream stream; /* first: a stream is a watcher */
    struct audience *audience;
    TAILQ_ENTRY(watcher) entry; /* of all, or of those that arrive */
    LIST_ENTRY(watcher) same;   /* of a bucket, or of those who watch all */
    bool all;
    struct upload_id id;

    struct exchange *exchange;
    int socket;
    bool blocked;
    uint64_t blocked_ms; /* since when */
    uint64_t written_ms; /* when it was last sent something */

    uint64_t next;      /* number of the event to be looked at next */
    uint64_t offset;    /* what the client knows of one upload */
    struct bytes own;   /* to be sent before any event: header, greeting, heartbeat */
    char *own_memory;   /* where that is, if it has to be freed */
    char *greeting;     /* to be sent behind the header */
    bool ends;          /* behind the greeting */
    size_t part;        /* of the text at hand: how much has been taken */
    size_t header_left; /* of the header: no content */
    uint64_t sent;      /* of the content */
};

TAILQ_HEAD(watcher_list, watcher);
LIST_HEAD(watcher_bucket, watcher);

struct audience {
    struct audience_options options;
    struct events *events;
    int epoll_fd, wake_fd;
    pthread_t thread;
    bool started;

    /* the thread's alone */
    struct watcher_list watchers;
    struct watcher_bucket buckets[BUCKETS], of_all;
    uint64_t now_ms; /* the time of the last tick: finer need nobody be */
    uint64_t seen;   /* the last event that was handed out */

    pthread_mutex_t mutex; /* of all below it */
    struct watcher_list arriving;
    bool stopping;
    struct audience_counts counts;
};

/* ---- watchers: their number ---- */

static size_t *audience_count(struct audience *audience, bool all)
{
    return all ? &audience->counts.all : &audience->counts.watchers;
}

static int audience_enter(struct audience *audience, bool all)
{
    size_t maximum = all ? audience->options.all_max : audience->options.watchers_max;
    int r = 0;

    pthread_mutex_lock(&audience->mutex);
    size_t *count = audience_count(audience, all);
    if (audience->stopping)
        r = REFUSED_STOPPING;
    else if (*count >= maximum)
        r = REFUSED_OVERLOADED;
    else
        (*count)++;
    pthread_mutex_unlock(&audience->mutex);
    return r;
}

static void watcher_free(struct watcher *watcher)
{
    struct audience *audience = watcher->audience;

    pthread_mutex_lock(&audience->mutex);
    (*audience_count(audience, watcher->all))--;
    pthread_mutex_unlock(&audience->mutex);
    free(watcher->own_memory);
    free(watcher->greeting);
    free(watcher);
}

struct audience_counts audience_counts(struct audience *audience)
{
    pthread_mutex_lock(&audience->mutex);
    struct audience_counts counts = audience->counts;
    pthread_mutex_unlock(&audience->mutex);
    return counts;
}

/* ---- watchers: what they are sent ---- */

/* Own memory, or nothing. */
static void watcher_own(struct watcher *watcher, char *text, size_t count)
{
    free(watcher->own_memory);
    watcher->own_memory = text;
    watcher->own = bytes_of(text, count);
}

/* Offsets do not go back in a stream: what is older than its greeting is left out, whatever it tells. And who
 * watches one upload knows that it was created. */
static bool watcher_wants(const struct watcher *watcher, const struct event *event)
{
    if (watcher->all || event->kind == EVENT_RESET)
        return true;
    if (!upload_id_equal(&watcher->id, &event->upload.id) || event->kind == EVENT_CREATED)
        return false;
    return event_is_end(event->kind) || event->upload.offset >= watcher->offset;
}

/* The event that is to be sent, or NULL: all have been. ret_lost: it is no longer there. */
static const struct event *watcher_event(struct watcher *watcher, bool *ret_lost)
{
    struct events *events = watcher->audience->events;

    *ret_lost = false;
    for (; watcher->next <= watcher->audience->seen; watcher->next++) {
        const struct event *event = events_at(events, watcher->next);
        *ret_lost = event == NULL;
        if (event == NULL || watcher_wants(watcher, event))
            return event;
    }
    return NULL;
}

/* Takes it out of everything; it is freed. */
static void watcher_end(struct watcher *watcher, const char *why)
{
    struct audience *audience = watcher->audience;
    struct exchange *exchange = watcher->exchange;
    uint64_t sent = watcher->sent;

    (void)epoll_ctl(audience->epoll_fd, EPOLL_CTL_DEL, watcher->socket, NULL);
    TAILQ_REMOVE(&audience->watchers, watcher, entry);
    LIST_REMOVE(watcher, same);
    watcher_free(watcher);
    stream_end(exchange, sent, why);
}

static void watcher_let_go(struct watcher *watcher)
{
    pthread_mutex_lock(&watcher->audience->mutex);
    watcher->audience->counts.dropped++;
    pthread_mutex_unlock(&watcher->audience->mutex);
    watcher_end(watcher, "slow");
}

static void watcher_listen(struct watcher *watcher, bool blocked)
{
    struct epoll_event event = { .events = EPOLLRDHUP | (blocked ? EPOLLOUT : 0),
                                 .data.ptr = watcher };

    if (blocked != watcher->blocked)
        (void)epoll_ctl(watcher->audience->epoll_fd, EPOLL_CTL_MOD, watcher->socket, &event);
    if (blocked && !watcher->blocked)
        watcher->blocked_ms = watcher->audience->now_ms;
    watcher->blocked = blocked;
}

/* How much of the text the socket has taken; -errno. */
static ssize_t watcher_write(struct watcher *watcher, struct bytes text)
{
    struct bytes rest = bytes_after(text, watcher->part);

    ssize_t count = send(watcher->socket, rest.data, rest.count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    size_t of_header = watcher->header_left < (size_t)count ? watcher->header_left : (size_t)count;
    watcher->header_left -= of_header;
    watcher->sent += (size_t)count - of_header;
    watcher->part += (size_t)count;
    watcher->written_ms = watcher->audience->now_ms;
    return count;
}

/* The text at hand has been taken. False: nothing comes after it. */
static bool watcher_advance(struct watcher *watcher, const struct event *event)
{
    watcher->part = 0;
    if (event == NULL) {
        char *greeting = watcher->greeting;
        watcher->greeting = NULL;
        watcher_own(watcher, greeting, greeting == NULL ? 0 : strlen(greeting));
        return watcher->own.count > 0 || !watcher->ends;
    }
    if (event->kind != EVENT_RESET)
        watcher->offset = event->upload.offset;
    watcher->next++;
    return watcher->all || !event_is_end(event->kind);
}

/* What is to be sent next: something of its own, or an event; empty when that was all. False: it is forgotten. */
static bool watcher_text(struct watcher *watcher, const struct event **ret_event,
                         struct bytes *ret_text)
{
    bool lost = false;

    *ret_event = watcher->own.count > 0 ? NULL : watcher_event(watcher, &lost);
    *ret_text =
        *ret_event == NULL ? watcher->own : events_text(watcher->audience->events, *ret_event);
    return !lost;
}

/* Sends what there is until the socket takes no more. It may be freed by this. */
static void watcher_go_on(struct watcher *watcher)
{
    const struct event *event;
    struct bytes text;

    while (watcher_text(watcher, &event, &text)) {
        if (event == NULL && text.count == 0) {
            watcher_listen(watcher, false);
            return;
        }
        if (watcher_write(watcher, text) < 0) {
            watcher_end(watcher, "client-gone");
            return;
        }
        if (watcher->part < text.count) {
            watcher_listen(watcher, true);
            return;
        }
        if (!watcher_advance(watcher, event)) {
            watcher_end(watcher, "answered");
            return;
        }
    }
    watcher_let_go(watcher);
}

/* ---- watchers: how they come ---- */

/* On the loop. */
static void watcher_begin(struct stream *stream, struct exchange *exchange, int socket)
{
    struct watcher *watcher = (struct watcher *)stream;
    struct audience *audience = watcher->audience;

    watcher->exchange = exchange;
    watcher->socket = socket;
    watcher_own(watcher, stream->header, stream->header_count);
    watcher->header_left = stream->header_count;

    pthread_mutex_lock(&audience->mutex);
    bool stopping = audience->stopping;
    if (!stopping)
        TAILQ_INSERT_TAIL(&audience->arriving, watcher, entry);
    pthread_mutex_unlock(&audience->mutex);
    if (!stopping) {
        (void)eventfd_write(audience->wake_fd, 1);
        return;
    }

    watcher_free(watcher);
    stream_end(exchange, 0, "shutdown");
}

static void watcher_drop(struct stream *stream)
{
    watcher_free((struct watcher *)stream);
}

int audience_admit(struct audience *audience, const struct watch *watch, struct stream **ret_stream)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    int r = watcher == NULL ? -ENOMEM : audience_enter(audience, watch->id == NULL);
    if (r != 0) {
        free(watch->greeting);
        free(watcher);
        return r < 0 ? fail_code(-r, "memory for a watcher") : r;
    }

    watcher->stream = (struct stream){ .begin = watcher_begin, .drop = watcher_drop };
    watcher->audience = audience;
    watcher->all = watch->id == NULL;
    if (watch->id != NULL)
        watcher->id = *watch->id;
    watcher->greeting = watch->greeting;
    watcher->ends = watch->ends;
    watcher->next = watch->after + 1;
    watcher->offset = watch->offset;
    *ret_stream = &watcher->stream;
    return 0;
}

static struct watcher_bucket *audience_bucket(struct audience *audience, const struct upload_id *id)
{
    return &audience->buckets[(size_t)(id->bytes[0] | id->bytes[1] << 8) % BUCKETS];
}

static void audience_welcome(struct audience *audience, struct watcher *watcher)
{
    struct epoll_event event = { .events = EPOLLRDHUP, .data.ptr = watcher };
    int bytes = SOCKET_BYTES;

    TAILQ_INSERT_TAIL(&audience->watchers, watcher, entry);
    LIST_INSERT_HEAD(watcher->all ? &audience->of_all : audience_bucket(audience, &watcher->id),
                     watcher, same);
    (void)setsockopt(watcher->socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (epoll_ctl(audience->epoll_fd, EPOLL_CTL_ADD, watcher->socket, &event) == 0)
        watcher_go_on(watcher);
    else
        watcher_end(watcher, "closed");
}

static void audience_welcome_all(struct audience *audience)
{
    struct watcher_list arrived = TAILQ_HEAD_INITIALIZER(arrived);

    pthread_mutex_lock(&audience->mutex);
    TAILQ_CONCAT(&arrived, &audience->arriving, entry);
    pthread_mutex_unlock(&audience->mutex);

    while (!TAILQ_EMPTY(&arrived)) {
        struct watcher *watcher = TAILQ_FIRST(&arrived);
        TAILQ_REMOVE(&arrived, watcher, entry);
        audience_welcome(audience, watcher);
    }
}

/* ---- ticks ---- */

/* To all of a list who are not busy with what was before; they have seen all up to first - 1. */
static void audience_show(struct watcher_bucket *bucket, uint64_t first)
{
    for (struct watcher *watcher = LIST_FIRST(bucket), *next; watcher != NULL; watcher = next) {
        next = LIST_NEXT(watcher, same);
        if (watcher->blocked)
            continue;
        if (watcher->next < first)
            watcher->next = first;
        watcher_go_on(watcher);
    }
}

/* A bucket may be shown twice: then there is nothing more for it. */
static void audience_show_new(struct audience *audience)
{
    uint64_t first = audience->seen + 1;
    bool reset = false;

    audience->seen = events_last(audience->events);
    if (audience->seen < first)
        return;
    audience_show(&audience->of_all, first);
    for (uint64_t number = first; number <= audience->seen; number++) {
        const struct event *event = events_at(audience->events, number);
        reset = reset || event == NULL || event->kind == EVENT_RESET;
        if (event != NULL && event->kind != EVENT_RESET)
            audience_show(audience_bucket(audience, &event->upload.id), first);
    }
    for (size_t i = 0; i < BUCKETS && reset; i++)
        audience_show(&audience->buckets[i], first);
}

/* Who hears nothing is told that we are here; who does not listen has had his time. */
static void watcher_attend(struct watcher *watcher, uint64_t now_ms)
{
    if (watcher->blocked && now_ms - watcher->blocked_ms >= WATCHER_PATIENCE_MS) {
        watcher_let_go(watcher);
    } else if (!watcher->blocked && now_ms - watcher->written_ms >= HEARTBEAT_MS) {
        watcher->own = bytes_of_text(": \n\n");
        watcher_go_on(watcher);
    }
}

void audience_tick(struct audience *audience, uint64_t now_ms, int64_t now_s)
{
    audience->now_ms = now_ms;
    events_tick(audience->events, now_ms, now_s);
    audience_show_new(audience);
    for (struct watcher *watcher = TAILQ_FIRST(&audience->watchers), *next; watcher != NULL;
         watcher = next) {
        next = TAILQ_NEXT(watcher, entry);
        watcher_attend(watcher, now_ms);
    }
}

/* ---- the thread ---- */

static void audience_handle(struct audience *audience, const struct epoll_event *event)
{
    struct watcher *watcher = event->data.ptr;
    eventfd_t value;

    if (watcher == NULL) {
        (void)eventfd_read(audience->wake_fd, &value);
        audience_welcome_all(audience);
    } else if ((event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        watcher_end(watcher, "client-gone");
    } else {
        watcher->blocked_ms = audience->now_ms;
        watcher_go_on(watcher);
    }
}

void audience_wait(struct audience *audience, int wait_ms)
{
    struct epoll_event events[EPOLL_EVENTS];

    int count = epoll_wait(audience->epoll_fd, events, EPOLL_EVENTS, wait_ms);
    for (int i = 0; i < count; i++)
        audience_handle(audience, &events[i]);
}

static bool audience_stopping(struct audience *audience)
{
    pthread_mutex_lock(&audience->mutex);
    bool stopping = audience->stopping;
    pthread_mutex_unlock(&audience->mutex);
    return stopping;
}

static void *audience_run(void *argument)
{
    struct audience *audience = argument;

    (void)pthread_setname_np(pthread_self(), "ferry-audience");
    while (!audience_stopping(audience)) {
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms - audience->now_ms >= EVENTS_TICK_MS)
            audience_tick(audience, now_ms, clock_realtime_s());
        audience_wait(audience, (int)(audience->now_ms + EVENTS_TICK_MS - now_ms));
    }
    return NULL;
}

int audience_start(const struct audience_options *options, struct audience **ret_audience)
{
    struct epoll_event wake = { .events = EPOLLIN, .data.ptr = NULL };
    struct audience *audience = calloc(1, sizeof(*audience));
    if (audience == NULL)
        return fail_errno("memory for the audience");

    audience->options = *options;
    audience->events = options->events;
    TAILQ_INIT(&audience->watchers);
    TAILQ_INIT(&audience->arriving);
    (void)pthread_mutex_init(&audience->mutex, NULL);
    audience->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    audience->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int code = 0;
    if (audience->epoll_fd < 0 || audience->wake_fd < 0 ||
        epoll_ctl(audience->epoll_fd, EPOLL_CTL_ADD, audience->wake_fd, &wake) != 0)
        code = errno;
    if (code == 0 && !options->manual)
        code = pthread_create(&audience->thread, NULL, audience_run, audience);
    if (code != 0) {
        audience_free(audience);
        return fail_code(code, "start the audience");
    }

    audience->started = !options->manual;
    *ret_audience = audience;
    return 0;
}

void audience_stop(struct audience *audience)
{
    if (audience == NULL)
        return;

    pthread_mutex_lock(&audience->mutex);
    audience->stopping = true;
    pthread_mutex_unlock(&audience->mutex);
    (void)eventfd_write(audience->wake_fd, 1);
    if (audience->started)
        (void)pthread_join(audience->thread, NULL);
    audience->started = false;

    audience_welcome_all(audience);
    while (!TAILQ_EMPTY(&audience->watchers))
        watcher_end(TAILQ_FIRST(&audience->watchers), "shutdown");
}

void audience_free(struct audience *audience)
{
    if (audience == NULL)
        return;

    if (audience->epoll_fd >= 0)
        (void)close(audience->epoll_fd);
    if (audience->wake_fd >= 0)
        (void)close(audience->wake_fd);
    (void)pthread_mutex_destroy(&audience->mutex);
    free(audience);
}

struct events *audience_events(struct audience *audience)
{
    return audience->events;
}
