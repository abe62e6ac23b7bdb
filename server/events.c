/*
 * Invariants:
 *
 *   1. An upload that receives has a subject while it is not stalled; any other has one from a change of it
 *      to the next tick. So bytes for one without a subject, which was not just created, are a resumption.
 *   2. pending has the subjects of which something was told since they were last ticked; active has all,
 *      those first that nothing was told of for the longest time.
 *   3. The history is written by events_tick() alone, under the mutex of the history: its thread reads
 *      without.
 *   4. The offset of a subject never decreases: changes and arrivals are told on two threads.
 *
 * The mutex of the subjects is held for SLICE of them at most: commits wait for it.
 */
#define LOG_MODULE "events"
#include "server/events.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/fail.h"
#include "base/number.h"
#include "protocol/http_date.h"
#include "server/status_json.h"

enum {
    BUCKETS = 4096,
    SLICE = 256,
    EPOCH_TEXT_BYTES = 17, /* with the terminator */
};

/* An upload of which there is something to tell, or will be when no more bytes come. */
struct subject {
    TAILQ_ENTRY(subject) active;
    STAILQ_ENTRY(subject) pending;
    SLIST_ENTRY(subject) entry; /* of a bucket, or of those that are free */
    struct observation upload;
    unsigned kinds; /* to be told: 1 << enum event_kind */
    bool told;      /* it is in pending */
    bool ended;
    uint64_t heard_ms; /* the tick at which something was last told of it */
};

TAILQ_HEAD(active_list, subject);
STAILQ_HEAD(pending_list, subject);
SLIST_HEAD(subject_bucket, subject);

struct events {
    char epoch[EPOCH_TEXT_BYTES];
    char *url_base; /* as it stands in JSON */
    struct subject *memory;

    pthread_mutex_t mutex; /* of the subjects: all below it */
    struct subject_bucket buckets[BUCKETS], free;
    struct pending_list pending;
    struct active_list active;
    bool lost; /* there was no subject left */

    pthread_mutex_t history_mutex; /* of all below it; taken after mutex */
    uint64_t last;
    size_t history_count;
    struct event history[]; /* event n is at n % history_count */
};

bool event_is_end(enum event_kind kind)
{
    return kind >= EVENT_COMPLETE && kind <= EVENT_EXPIRED;
}

/* ---- subjects; all with the mutex held ---- */

static struct subject_bucket *events_bucket(struct events *events, const struct upload_id *id)
{
    return &events->buckets[(size_t)(id->bytes[0] | id->bytes[1] << 8) % BUCKETS];
}

static struct subject *subject_find(struct events *events, const struct upload_id *id)
{
    struct subject *subject;

    SLIST_FOREACH(subject, events_bucket(events, id), entry)
    if (upload_id_equal(&subject->upload.id, id))
        break;
    return subject;
}

/* NULL when there are too many. */
static struct subject *subject_new(struct events *events, const struct upload_id *id)
{
    struct subject *subject = SLIST_FIRST(&events->free);
    if (subject == NULL)
        return NULL;

    SLIST_REMOVE_HEAD(&events->free, entry);
    *subject = (struct subject){ .upload.id = *id };
    SLIST_INSERT_HEAD(events_bucket(events, id), subject, entry);
    TAILQ_INSERT_TAIL(&events->active, subject, active);
    return subject;
}

static void subject_drop(struct events *events, struct subject *subject)
{
    assert(!subject->told);
    SLIST_REMOVE(events_bucket(events, &subject->upload.id), subject, subject, entry);
    TAILQ_REMOVE(&events->active, subject, active);
    SLIST_INSERT_HEAD(&events->free, subject, entry);
}

static enum event_kind state_kind(enum upload_state state)
{
    switch (state) {
    case UPLOAD_COMPLETE: return EVENT_COMPLETE;
    case UPLOAD_INVALIDATED: return EVENT_INVALIDATED;
    case UPLOAD_DAMAGED: return EVENT_DAMAGED;
    case UPLOAD_DELETED: return EVENT_DELETED;
    case UPLOAD_RECEIVING:
    case UPLOAD_VERIFYING: break;
    }
    return EVENT_PROGRESS;
}

/* What there is to tell; quiet: nothing was known of it before this. 0: nothing but that it lives. */
static unsigned observed_kinds(const struct observation *observation, bool quiet)
{
    switch (observation->what) {
    case OBSERVED_CREATION: return 1U << EVENT_CREATED;
    case OBSERVED_ARRIVAL: return quiet ? 1U << EVENT_RESUMED : 0;
    case OBSERVED_PROGRESS: return 1U << (quiet ? EVENT_RESUMED : EVENT_PROGRESS);
    case OBSERVED_STATE: return 1U << state_kind(observation->state);
    case OBSERVED_DELETION: return 1U << EVENT_DELETED;
    case OBSERVED_EXPIRY: return 1U << EVENT_EXPIRED;
    }
    return 0;
}

static void subject_update(struct subject *subject, const struct observation *observation)
{
    uint64_t offset = subject->upload.offset;

    subject->upload = *observation;
    if (subject->upload.offset < offset)
        subject->upload.offset = offset;
}

void events_observe(void *argument, const struct observation *observation)
{
    struct events *events = argument;

    pthread_mutex_lock(&events->mutex);
    struct subject *subject = subject_find(events, &observation->id);
    bool quiet = subject == NULL;
    if (quiet)
        subject = subject_new(events, &observation->id);
    if (subject == NULL) {
        events->lost = true;
    } else {
        unsigned kinds = observed_kinds(observation, quiet);
        subject->kinds |= kinds;
        subject->ended = subject->ended || kinds >= 1U << EVENT_COMPLETE;
        subject_update(subject, observation);
        if (!subject->told)
            STAILQ_INSERT_TAIL(&events->pending, subject, pending);
        subject->told = true;
    }
    pthread_mutex_unlock(&events->mutex);
}

bool events_has_active(struct events *events, const struct upload_id *id)
{
    pthread_mutex_lock(&events->mutex);
    bool has = subject_find(events, id) != NULL;
    pthread_mutex_unlock(&events->mutex);
    return has;
}

/* ---- ticks ---- */

static void events_add(struct events *events, enum event_kind kind, int64_t now_s,
                       const struct observation *upload)
{
    pthread_mutex_lock(&events->history_mutex);
    struct event *event = &events->history[++events->last % events->history_count];
    free(event->text);
    *event = (struct event){ .number = events->last, .kind = kind, .time_s = now_s };
    if (upload != NULL)
        event->upload = *upload;
    pthread_mutex_unlock(&events->history_mutex);
}

/* Each event has offset and length as they are now: progress is left out beside others, but for created, which
 * who watches that upload alone is not told. */
static void subject_tick(struct events *events, struct subject *subject, uint64_t now_ms,
                         int64_t now_s)
{
    unsigned kinds = subject->kinds;

    if ((kinds & ~(1U << EVENT_CREATED | 1U << EVENT_PROGRESS)) != 0)
        kinds &= ~(1U << EVENT_PROGRESS);
    if (subject->ended)
        kinds &= ~(1U << EVENT_RESUMED);
    for (unsigned kind = EVENT_CREATED; kind <= EVENT_EXPIRED; kind++)
        if ((kinds & 1U << kind) != 0)
            events_add(events, (enum event_kind)kind, now_s, &subject->upload);

    subject->kinds = 0;
    subject->told = false;
    subject->heard_ms = now_ms;
    if (subject->ended) {
        subject_drop(events, subject);
    } else {
        TAILQ_REMOVE(&events->active, subject, active);
        TAILQ_INSERT_TAIL(&events->active, subject, active);
    }
}

/* A slice of what was told; false when that was all. */
static bool events_tell_some(struct events *events, uint64_t now_ms, int64_t now_s)
{
    unsigned left = SLICE;

    pthread_mutex_lock(&events->mutex);
    for (; left > 0 && !STAILQ_EMPTY(&events->pending); left--) {
        struct subject *subject = STAILQ_FIRST(&events->pending);
        STAILQ_REMOVE_HEAD(&events->pending, pending);
        subject_tick(events, subject, now_ms, now_s);
    }
    pthread_mutex_unlock(&events->mutex);
    return left == 0;
}

/* The first of the active ones that have been quiet for long; one that is to be told of is not quiet. */
static bool events_stall_some(struct events *events, uint64_t now_ms, int64_t now_s)
{
    unsigned left = SLICE;
    struct subject *subject;

    pthread_mutex_lock(&events->mutex);
    for (; left > 0 && (subject = TAILQ_FIRST(&events->active)) != NULL && !subject->told &&
           subject->heard_ms + STALLED_MS <= now_ms;
         left--) {
        if (subject->upload.state == UPLOAD_RECEIVING)
            events_add(events, EVENT_STALLED, now_s, &subject->upload);
        subject_drop(events, subject);
    }
    pthread_mutex_unlock(&events->mutex);
    return left == 0;
}

void events_tick(struct events *events, uint64_t now_ms, int64_t now_s)
{
    while (events_tell_some(events, now_ms, now_s))
        ;
    while (events_stall_some(events, now_ms, now_s))
        ;

    pthread_mutex_lock(&events->mutex);
    bool lost = events->lost;
    events->lost = false;
    pthread_mutex_unlock(&events->mutex);
    if (lost)
        events_add(events, EVENT_RESET, now_s, NULL);
}

/* ---- the history ---- */

const struct event *events_at(struct events *events, uint64_t number)
{
    const struct event *event = &events->history[number % events->history_count];

    return number != 0 && event->number == number ? event : NULL;
}

uint64_t events_last(struct events *events)
{
    pthread_mutex_lock(&events->history_mutex);
    uint64_t last = events->last;
    pthread_mutex_unlock(&events->history_mutex);
    return last;
}

enum events_place events_find(struct events *events, struct bytes id, uint64_t *ret_number)
{
    size_t before = strlen(events->epoch);
    uint64_t number;

    if (id.count <= before || !bytes_start_with(id, events->epoch) || id.data[before] != '-' ||
        !number_parse(bytes_after(id, before + 1), UINT64_MAX, &number))
        return PLACE_LOST;
    uint64_t last = events_last(events);
    if (number > last || last - number > events->history_count)
        return PLACE_LOST;

    *ret_number = number;
    return PLACE_KNOWN;
}

/* All of them, for want of an index: 3 us, 6 when the history is in no cache of the processor. */
bool events_missed(struct events *events, uint64_t number, const struct upload_id *id)
{
    bool missed = false;

    pthread_mutex_lock(&events->history_mutex);
    for (size_t i = 0; i < events->history_count && !missed; i++)
        missed = events->history[i].number > number &&
                 upload_id_equal(&events->history[i].upload.id, id);
    pthread_mutex_unlock(&events->history_mutex);
    return missed;
}

/* ---- texts ---- */

static const char *kind_name(enum event_kind kind)
{
    switch (kind) {
    case EVENT_CREATED: return "created";
    case EVENT_RESUMED: return "resumed";
    case EVENT_PROGRESS: return "progress";
    case EVENT_STALLED: return "stalled";
    case EVENT_COMPLETE: return "complete";
    case EVENT_INVALIDATED: return "invalidated";
    case EVENT_DAMAGED: return "damaged";
    case EVENT_DELETED: return "deleted";
    case EVENT_EXPIRED: return "expired";
    case EVENT_RESET: return "reset";
    }
    return "";
}

char *events_format(struct events *events, uint64_t number, enum event_kind kind, int64_t time_s,
                    const struct observation *upload)
{
    char time[HTTP_DATE_RFC3339_BYTES], length[24] = "null";
    char *text = NULL;
    int count;

    http_date_format_rfc3339(time_s, time);
    if (kind == EVENT_RESET) {
        count = asprintf(&text,
                         "id: %s-%" PRIu64
                         "\nevent: reset\n"
                         "data: {\"time\":\"%s\"}\n\n",
                         events->epoch, number, time);
        return count < 0 ? NULL : text;
    }

    struct upload_id_text name = upload_id_format(&upload->id);
    if (upload->length_known)
        (void)snprintf(length, sizeof(length), "%" PRIu64, upload->length);
    count = asprintf(&text,
                     "id: %s-%" PRIu64
                     "\nevent: %s\n"
                     "data: {\"id\":\"%s\",\"url\":%s%s\",\"offset\":%" PRIu64
                     ",\"length\":%s,\"state\":\"%s\",\"time\":\"%s\"}\n\n",
                     events->epoch, number, kind_name(kind), name.text, events->url_base, name.text,
                     upload->offset, length, status_state_name(upload->state), time);
    return count < 0 ? NULL : text;
}

struct bytes events_text(struct events *events, const struct event *event)
{
    struct event *kept = &events->history[event->number % events->history_count];

    if (kept->text == NULL) {
        kept->text =
            events_format(events, event->number, event->kind, event->time_s, &event->upload);
        kept->text_count = kept->text == NULL ? 0 : strlen(kept->text);
    }
    return bytes_of(kept->text, kept->text_count);
}

/* ---- the beginning and the end ---- */

/* The beginning of a JSON string: all but its last quotation mark. */
static char *url_base_of(const char *url_base)
{
    json_t *value = json_string(url_base);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    json_decref(value);
    if (text != NULL)
        text[strlen(text) - 1] = '\0';
    return text;
}

static int events_init(struct events *events, const struct events_options *options)
{
    uint64_t epoch;

    if (getrandom(&epoch, sizeof(epoch), 0) != (ssize_t)sizeof(epoch))
        return fail_errno("name this run of the server");
    (void)snprintf(events->epoch, sizeof(events->epoch), "%016" PRIx64, epoch);
    events->url_base = url_base_of(options->url_base);
    events->memory = calloc(options->uploads, sizeof(events->memory[0]));
    if (events->url_base == NULL || events->memory == NULL)
        return fail_code(ENOMEM, "memory for events");
    for (size_t i = 0; i < options->uploads; i++)
        SLIST_INSERT_HEAD(&events->free, &events->memory[i], entry);
    return 0;
}

int events_new(const struct events_options *options, struct events **ret_events)
{
    struct events *events =
        calloc(1, sizeof(*events) + options->history * sizeof(events->history[0]));
    if (events == NULL)
        return fail_errno("memory for events");

    events->history_count = options->history;
    (void)pthread_mutex_init(&events->mutex, NULL);
    (void)pthread_mutex_init(&events->history_mutex, NULL);
    STAILQ_INIT(&events->pending);
    TAILQ_INIT(&events->active);
    int r = events_init(events, options);
    if (r != 0) {
        events_free(events);
        return r;
    }
    *ret_events = events;
    return 0;
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;

    for (size_t i = 0; i < events->history_count; i++)
        free(events->history[i].text);
    (void)pthread_mutex_destroy(&events->mutex);
    (void)pthread_mutex_destroy(&events->history_mutex);
    free(events->memory);
    free(events->url_base);
    free(events);
}
