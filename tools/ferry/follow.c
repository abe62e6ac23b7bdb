#include "tools/ferry/follow.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tools/ferry/event_stream.h"
#include "tools/ferry/filename.h"
#include "tools/ferry/report.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/stop.h"
#include "tools/ferry/text.h"

enum {
    FOLLOW_ASK_MS = 1000,
    FOLLOW_SILENCE_MS = 2000, /* events come every second while bytes do */
    FOLLOW_NAME_BYTES = 256,
    FOLLOW_FIELD_BYTES = EVENT_ID_BYTES + 32,
};

/* Between two tries the upload may end in any way; how it ended is told once. */
struct following {
    struct session *session;
    const char *url;
    struct report report;
    struct backoff backoff;
    struct event_stream stream;
    bool listening; /* the answer is a stream of events */
    bool streams;   /* one was, once */
    bool measuring; /* an event of this stream has told an offset */
    uint64_t offset, heard_ms;
    enum ending {
        ENDING_NONE,
        ENDING_COMPLETE,
        ENDING_FAILED
    } ending;
    char reason[RESPONSE_REASON_BYTES]; /* of ENDING_FAILED */
};

static void following_done(struct following *following)
{
    event_stream_done(&following->stream);
}

static void following_fail(struct following *following, const char *reason)
{
    following->ending = ENDING_FAILED;
    (void)snprintf(following->reason, sizeof(following->reason), "%s", reason);
}

static void following_show(struct following *following)
{
    if (following->ending == ENDING_NONE)
        report_moved(&following->report, following->offset);
}

/* What every event brings. */
static void event_numbers(struct following *following, const json_t *data)
{
    const json_t *offset = json_object_get(data, "offset");
    const json_t *length = json_object_get(data, "length");

    if (json_is_integer(offset) && json_integer_value(offset) >= 0)
        following->offset = (uint64_t)json_integer_value(offset);
    if (json_is_integer(length) && json_integer_value(length) >= 0)
        report_length(&following->report, (uint64_t)json_integer_value(length));
}

/* What came before the first event is no speed: offsets grow in steps. */
static void following_measure(struct following *following)
{
    following->heard_ms = clock_monotonic_ms();
    if (!following->measuring)
        progress_restart(&following->report.progress, following->heard_ms, following->offset);
    following->measuring = true;
}

static bool event_take(void *context, const struct event *event)
{
    static const struct {
        const char *name, *reason;
    } failures[] = {
        { "deleted", "it was removed from the server" },
        { "expired", "it has expired" },
        { "damaged", "it is damaged on the server" },
        { "invalidated",
          "the server takes it no longer: it broke the rules, or a part of it was lost" },
    };
    struct following *following = context;
    json_t *data =
        json_loadb((const char *)event->data.data, event->data.count, JSON_ALLOW_NUL, NULL);

    event_numbers(following, data);
    json_decref(data);
    following_measure(following);
    following_show(following);
    backoff_progress(&following->backoff);
    if (strcmp(event->name, "complete") == 0)
        following->ending = ENDING_COMPLETE;
    else if (strcmp(event->name, "stalled") == 0)
        report_stalled(&following->report);
    else if (strcmp(event->name, "resumed") == 0)
        report_goes_on(&following->report, following->offset);
    else if (strcmp(event->name, "reset") == 0)
        following->stream.id[0] = '\0'; /* the server has forgotten it */
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if (strcmp(event->name, failures[i].name) == 0)
            following_fail(following, failures[i].reason);
    return following->ending == ENDING_NONE;
}

static bool stream_begin(void *context, const struct response *response)
{
    struct following *following = context;
    static const char wanted[] = "text/event-stream";

    if (response->type == NULL || strncasecmp(response->type, wanted, strlen(wanted)) != 0)
        return false;
    following->listening = true;
    following->measuring = false;
    event_stream_restart(&following->stream);
    return true;
}

static bool stream_take(void *context, struct bytes bytes)
{
    struct following *following = context;
    return event_stream_take(&following->stream, bytes, event_take, following);
}

/* Between two events nothing is known; after a while it is that nothing moves. */
static void stream_tick(void *context, uint64_t sent)
{
    struct following *following = context;

    (void)sent;
    if (clock_monotonic_ms() - following->heard_ms >= FOLLOW_SILENCE_MS)
        following_show(following);
}

/*
 * Listens until the upload or the stream ends. OUTCOME_RETRY: the stream broke; OUTCOME_REFUSED: there is
 * none.
 */
static enum outcome follow_listen(struct following *following, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    char last[FOLLOW_FIELD_BYTES];
    struct request request = {
        .method = "GET",
        .url = following->url,
        .fields = { "Accept: text/event-stream" },
        .moved = stream_tick,
        .begin = stream_begin,
        .take = stream_take,
        .context = following,
    };

    if (following->stream.id[0] != '\0') {
        (void)snprintf(last, sizeof(last), "Last-Event-ID: %s", following->stream.id);
        request_add(&request, last);
    }
    following->listening = false;
    enum outcome outcome =
        upload_request(following->session->transfer, &request, &response, answer);
    following->streams |= following->listening;
    if (outcome == OUTCOME_GONE)
        following_fail(following, "there is no such upload any more");
    if (following->ending != ENDING_NONE || outcome == OUTCOME_STOPPED)
        return outcome;
    if (following->listening && outcome != OUTCOME_BROKEN) {
        answer->retry_after_s = following->stream.retry_ms / 1000;
        (void)snprintf(answer->reason, sizeof(answer->reason), "the event stream broke off");
        return OUTCOME_RETRY;
    }
    /* a server that has such streams, or says nothing at all, may have one later */
    bool later = outcome == OUTCOME_RETRY && (answer->status == 0 || following->streams);
    return later ? OUTCOME_RETRY : OUTCOME_REFUSED;
}

/* Asks for the offset. */
static enum outcome follow_ask(struct following *following, struct answer *answer)
{
    CLEANUP(response_done) struct response response = { 0 };
    enum outcome outcome =
        upload_look(following->session->transfer, following->url, &response, answer);

    if (outcome == OUTCOME_GONE || outcome == OUTCOME_REFUSED)
        following_fail(following, answer->reason);
    if (outcome != OUTCOME_OK)
        return outcome;
    backoff_progress(&following->backoff);
    following->offset = response.offset;
    if (response.length_known)
        report_length(&following->report, response.length);
    if (response_complete(&response))
        following->ending = ENDING_COMPLETE;
    following_show(following);
    if (following->ending == ENDING_NONE)
        stop_wait(FOLLOW_ASK_MS);
    return stop_asked() ? OUTCOME_STOPPED : OUTCOME_OK;
}

/* Until the upload has ended, or something else has: that is the outcome. */
static enum outcome follow_to_the_end(struct following *following, struct answer *answer)
{
    bool listens = true;

    while (following->ending == ENDING_NONE) {
        enum outcome outcome =
            listens ? follow_listen(following, answer) : follow_ask(following, answer);

        if (outcome == OUTCOME_RETRY && following->ending == ENDING_NONE)
            outcome = retry_wait(&following->backoff, answer, &following->report,
                                 following->report.progress.name);
        if (outcome == OUTCOME_RETRY || outcome == OUTCOME_STOPPED)
            return outcome;
        if (listens && outcome == OUTCOME_REFUSED)
            listens = false;
    }
    return OUTCOME_OK;
}

static int follow_tell(struct following *following, enum outcome outcome,
                       const struct answer *answer)
{
    struct report *report = &following->report;

    if (outcome == OUTCOME_STOPPED) {
        report_failed(report, NULL, "stopped");
        return 1;
    }
    if (outcome != OUTCOME_OK || following->ending == ENDING_FAILED) {
        const char *reason = outcome != OUTCOME_OK ? answer->reason : following->reason;
        report_failed(report, reason, reason);
        return 1;
    }
    if (!report->progress.length_known)
        report_length(report, following->offset);
    report->sent = report->progress.length - report->began_offset;
    report_complete(report);
    if (report->broken)
        say_error("standard output could not be written");
    return report->broken ? 1 : 0;
}

int follow(struct session *session, const struct response *response)
{
    const char *url = session->address.url;
    CLEANUP(metadata_done) struct metadata metadata = { 0 };
    AUTO_FREE char *last_of_url = filename_of(NULL, url);
    char name[FOLLOW_NAME_BYTES];
    struct answer answer = { 0 };
    CLEANUP(following_done)
    struct following following = {
        .session = session,
        .url = url,
        .backoff = session_backoff(session),
        .offset = response->offset,
        .ending = response_complete(response) ? ENDING_COMPLETE : ENDING_NONE,
    };

    if (response->metadata != NULL)
        metadata_parse(response->metadata, &metadata);
    const char *file = metadata_find(&metadata, "filename");
    const char *shown = file != NULL && *file != '\0' ? file : last_of_url;
    text_clean(shown == NULL ? url : shown, sizeof(name), name);

    report_start(&following.report, session->options->json, session->options->quiet);
    report_begin(&following.report, file, name);
    if (response->length_known)
        report_length(&following.report, response->length);
    report_watch(&following.report, url, response->offset);
    return follow_tell(&following, follow_to_the_end(&following, &answer), &answer);
}
