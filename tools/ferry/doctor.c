#include "tools/ferry/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tools/ferry/findings.h"
#include "tools/ferry/json_answer.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/size.h"
#include "tools/ferry/source.h"
#include "tools/ferry/stop.h"
#include "tools/ferry/trickle.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

enum {
    DOCTOR_MADE_MAX = 8,
    DOCTOR_FIELD_BYTES = 64,
    TRICKLE_PATIENCE_MS = 5000,
    TRICKLE_ASK_MS = 200,
    EVENTS_TIMEOUT_S = 5,
};

static const char tus_version[] = "Tus-Resumable: 1.0.0";
static const uint64_t upload_length = 8 * MIB; /* where no length can be left open */
static const uint64_t whole_count = 2 * MIB;

/* Lengths of one request, from the longest; the shortest is longer than what trickles out in time. */
static const uint64_t lengths[] = { 16 * GIB, GIB, 64 * MIB, 8 * MIB, 512 * KIB };
enum {
    LENGTH_COUNT = sizeof(lengths) / sizeof(lengths[0])
};

struct doctor {
    struct session session;
    struct pace pace; /* none */
    struct findings findings;
    const char *endpoint;
    bool length_open;    /* uploads need no length when they are created */
    uint64_t length_max; /* of a request; 0: the server names none */

    char *upload; /* the URL that is worked with, below the endpoint; NULL: there is none */
    char *made[DOCTOR_MADE_MAX]; /* what is to be removed; borrows nothing */
    size_t made_count;
};

static void doctor_done(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->made_count; i++)
        free(doctor->made[i]);
    free(doctor->upload);
    session_close(&doctor->session);
}

/* Asks again while that makes sense; the outcome is not OUTCOME_RETRY unless patience is at its end. */
static enum outcome doctor_ask(struct doctor *doctor, const struct request *request,
                               struct response *response, struct answer *answer)
{
    struct backoff backoff = session_backoff(&doctor->session);
    enum outcome outcome;

    while ((outcome = upload_request(doctor->session.transfer, request, response, answer)) ==
           OUTCOME_RETRY)
        if ((outcome = retry_wait(&backoff, answer, NULL, request->url)) != OUTCOME_OK)
            break;
    return outcome;
}

/* False: the endpoint cannot be reached, and it is said. */
static bool examine_options(struct doctor *doctor)
{
    CLEANUP(response_done) struct response response = { 0 };
    struct request request = { .method = "OPTIONS", .url = doctor->endpoint };
    struct answer answer = { 0 };
    enum outcome outcome = doctor_ask(doctor, &request, &response, &answer);

    if (response.status == 0) {
        say_error("%s: %s", doctor->endpoint,
                  outcome == OUTCOME_STOPPED ? "stopped" : answer.reason);
        return false;
    }
    doctor->length_open =
        response.extensions != NULL && strstr(response.extensions, "creation-defer-length") != NULL;
    doctor->length_max = response.size_max;
    if (outcome != OUTCOME_OK)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "OPTIONS",
                     "Let OPTIONS through to the server: web pages ask by it before they upload.",
                     "is refused: %s", answer.reason);
    else if (response.extensions == NULL)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "OPTIONS",
                     "Let the server answer OPTIONS, and leave the fields Tus-* as they are.",
                     "is answered without Tus-Extension: by somebody else, or it was removed");
    else
        findings_add(&doctor->findings, VERDICT_OK, "OPTIONS", NULL, "the server tells: %s",
                     response.extensions);
    return true;
}

/* The last segment of a Location's path, below the endpoint. NULL: there is none. */
static char *below_endpoint(const char *endpoint, const char *location)
{
    size_t path = strcspn(location, "?#");
    size_t begin = path;
    size_t slash = strlen(endpoint);
    char *url = NULL;

    while (begin > 0 && location[begin - 1] != '/')
        begin--;
    slash -= slash > 0 && endpoint[slash - 1] == '/';
    if (begin == path || asprintf(&url, "%.*s/%.*s", (int)slash, endpoint, (int)(path - begin),
                                  location + begin) < 0)
        return NULL;
    return url;
}

static const char location_advice[] =
    "Have the proxy hand on Host and the scheme (X-Forwarded-Host, X-Forwarded-Proto) and ferryd "
    "believe them (--trusted-proxies, --public-url forwarded), or name the endpoint as clients see "
    "it: ferryd --public-url URL. A proxy must not rewrite Location by itself.";

/*
 * Compares where the new upload is said to be with where it was asked for. The URL to go on with, or NULL:
 * there is none.
 */
static char *examine_location(struct doctor *doctor, const struct response *response)
{
    struct findings *findings = &doctor->findings;
    CLEANUP(response_done) struct response looked = { 0 };
    struct answer answer = { 0 };

    if (response->location == NULL || response->asked == NULL) {
        findings_add(findings, VERDICT_PROBLEM, "Location", "Leave the field Location as it is.",
                     "is missing from the answer to POST");
        return NULL;
    }
    AUTO_FREE char *told = address_resolve(response->asked, response->location);
    char *below = below_endpoint(response->asked, response->location);
    if (told == NULL || !address_same_origin(told, response->asked)) {
        findings_add(findings, VERDICT_PROBLEM, "Location", location_advice,
                     "leads elsewhere: %s, though %s was asked", response->location,
                     response->asked);
        return below;
    }
    if (upload_look(doctor->session.transfer, told, &looked, &answer) == OUTCOME_GONE) {
        findings_add(findings, VERDICT_PROBLEM, "Location",
                     "Let the path be the same on both sides of the proxy (ferryd --base-path), or "
                     "name the endpoint as clients see it: ferryd --public-url URL.",
                     "leads to nothing: %s", told);
        return below;
    }
    findings_add(findings, VERDICT_OK, "Location", NULL, "leads to the upload: %s",
                 response->location);
    free(below);
    return TAKE_PTR(told);
}

static char *upload_made(struct doctor *doctor, char *url)
{
    if (url != NULL && doctor->made_count < DOCTOR_MADE_MAX) {
        char *copy = strdup(url);
        if (copy != NULL)
            doctor->made[doctor->made_count++] = copy;
    }
    return url;
}

static void upload_removed(struct doctor *doctor, const char *url)
{
    for (size_t i = 0; i < doctor->made_count; i++)
        if (strcmp(doctor->made[i], url) == 0) {
            free(doctor->made[i]);
            doctor->made[i] = doctor->made[--doctor->made_count];
            return;
        }
}

static enum outcome doctor_create(struct doctor *doctor, struct response *response,
                                  struct answer *answer)
{
    char length[DOCTOR_FIELD_BYTES];
    struct request request = {
        .method = "POST",
        .url = doctor->endpoint,
        .fields = { tus_version, length, "Upload-Metadata: filename ZmVycnktZG9jdG9y" },
    };
    uint64_t most = doctor->length_max > 0 && doctor->length_max < upload_length
                        ? doctor->length_max
                        : upload_length;

    if (doctor->length_open)
        (void)snprintf(length, sizeof(length), "Upload-Defer-Length: 1");
    else
        (void)snprintf(length, sizeof(length), "Upload-Length: %" PRIu64, most);
    return doctor_ask(doctor, &request, response, answer);
}

/* False: there is no upload to go on with. */
static bool examine_creation(struct doctor *doctor)
{
    CLEANUP(response_done) struct response response = { 0 };
    struct answer answer = { 0 };
    enum outcome outcome = doctor_create(doctor, &response, &answer);

    if (outcome == OUTCOME_STOPPED)
        return false;
    if (outcome != OUTCOME_OK) {
        findings_add(&doctor->findings, VERDICT_PROBLEM, "POST",
                     answer.status == 412 || answer.status == 400
                         ? "Leave the fields Tus-Resumable and Upload-* of requests as they are."
                         : "Let POST through to the server, or look into the server's log.",
                     "creates no upload: %s", answer.reason);
        return false;
    }
    if (!response.tus_told)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "POST",
                     "Leave the fields Tus-* and Upload-* of answers as they are.",
                     "creates an upload, but the field Tus-Resumable is missing from the answer");
    else
        findings_add(&doctor->findings, VERDICT_OK, "POST", NULL, "creates an upload");
    doctor->upload = upload_made(doctor, examine_location(doctor, &response));
    return doctor->upload != NULL;
}

/* False: nobody can tell how far the upload is. */
static bool examine_head(struct doctor *doctor)
{
    CLEANUP(response_done) struct response response = { 0 };
    struct request request = { .method = "HEAD", .url = doctor->upload, .fields = { tus_version } };
    struct answer answer = { 0 };
    enum outcome outcome = doctor_ask(doctor, &request, &response, &answer);
    static const char keep[] = "Leave the fields Tus-* and Upload-* of answers as they are.";

    if (outcome == OUTCOME_STOPPED)
        return false;
    if (outcome != OUTCOME_OK)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "HEAD",
                     "Let HEAD through to the server, and do not answer it from a cache.",
                     "is refused: %s", answer.reason);
    else if (!response.offset_known)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "HEAD", keep,
                     "is answered without Upload-Offset: no upload can go on");
    else if (!response.length_known && !response.length_deferred)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "HEAD", keep,
                     "is answered without Upload-Length and Upload-Defer-Length");
    else
        findings_add(&doctor->findings, VERDICT_OK, "HEAD", NULL, "tells offset and length");
    return outcome == OUTCOME_OK && response.offset_known;
}

enum passage {
    PASSAGE_SEEN,     /* the server had some of it while it was on its way */
    PASSAGE_HELD,     /* it had not, in all that time */
    PASSAGE_TOO_LONG, /* 413 */
    PASSAGE_REFUSED,  /* another answer */
    PASSAGE_UNKNOWN,  /* it could not be tried */
};

/*
 * What the server knows of the upload, asked over another connection: that somebody writes to it, or how much it
 * has. Servers without a status in JSON tell only the latter.
 */
static bool upload_seen(struct doctor *doctor, uint64_t *ret_offset)
{
    CLEANUP(response_done) struct response response = { 0 };
    struct transfer *transfer = doctor->session.transfer;
    struct answer answer = { 0 };
    json_t *status = NULL;

    *ret_offset = 0;
    if (json_answer_get(transfer, doctor->upload, NULL, NULL, &status, &answer) == OUTCOME_OK) {
        json_int_t offset = json_integer_value(json_object_get(status, "offset"));
        bool writing = json_is_true(json_object_get(status, "writing"));
        json_decref(status);
        *ret_offset = offset > 0 ? (uint64_t)offset : 0;
        return writing || offset > 0;
    }
    if (upload_look(transfer, doctor->upload, &response, &answer) == OUTCOME_OK)
        *ret_offset = response.offset;
    return *ret_offset > 0;
}

/* Watches the upload while the trickle is on its way. */
static enum passage trickle_watch(struct doctor *doctor, struct trickle *trickle,
                                  uint64_t *ret_offset, uint64_t *ret_ms)
{
    uint64_t began_ms = clock_monotonic_ms();

    *ret_ms = 0;
    while (*ret_ms < TRICKLE_PATIENCE_MS && !stop_asked()) {
        stop_wait(TRICKLE_ASK_MS);
        bool seen = upload_seen(doctor, ret_offset);
        bool ended = trickle->ended;
        *ret_ms = clock_monotonic_ms() - began_ms;
        if (ended && trickle->answer.status == 413)
            return PASSAGE_TOO_LONG;
        if (ended && trickle->outcome == OUTCOME_OK)
            return PASSAGE_UNKNOWN; /* the server takes so little that it was all at once */
        if (seen)
            return PASSAGE_SEEN;
        if (ended)
            return PASSAGE_REFUSED;
    }
    return stop_asked() ? PASSAGE_UNKNOWN : PASSAGE_HELD;
}

static const char held_advice[] =
    "Turn the proxy's buffering of requests off (nginx: proxy_request_buffering off; "
    "proxy_http_version 1.1). Until then an upload that breaks loses what was held, and progress "
    "is told that is none.";

static const char length_advice[] =
    "Raise the limit (nginx: client_max_body_size 0), or send less in one request: ferry put "
    "--chunk-size; the chunk size of other clients.";

/* One request of this length, until it is clear what becomes of it. */
static enum passage examine_length(struct doctor *doctor, uint64_t length)
{
    struct findings *findings = &doctor->findings;
    CLEANUP(trickle_stop) struct trickle trickle = { 0 };
    uint64_t offset = 0;
    uint64_t ms = 0;

    if (trickle_start(&doctor->session, doctor->upload, length, &trickle) != 0)
        return PASSAGE_UNKNOWN;
    enum passage passage = trickle_watch(doctor, &trickle, &offset, &ms);
    if (passage == PASSAGE_SEEN)
        findings_add(findings, VERDICT_OK, "bodies", NULL,
                     "arrive while they are sent: the server was at it after %" PRIu64 ".%" PRIu64
                     " s",
                     ms / 1000, ms / 100 % 10);
    if (passage == PASSAGE_HELD)
        findings_add(findings, VERDICT_PROBLEM, "bodies", held_advice,
                     "are held back: %d seconds long the server had nothing of what was sent",
                     TRICKLE_PATIENCE_MS / 1000);
    if (passage == PASSAGE_REFUSED)
        findings_add(
            findings, VERDICT_PROBLEM, "PATCH",
            "Let PATCH through to the server, with its fields Tus-Resumable, Upload-Offset "
            "and Content-Type.",
            "is refused: %s", trickle.answer.reason);
    return passage;
}

/* The shortest request that was refused by 413, or 0, and what became of the one that was tried last. */
static void lengths_tell(struct doctor *doctor, uint64_t refused, uint64_t last,
                         enum passage passage)
{
    char text[SIZE_TEXT_BYTES];
    char small[SIZE_TEXT_BYTES];

    size_format(refused, text);
    size_format(last, small);
    if (refused == 0)
        findings_add(&doctor->findings, VERDICT_OK, "length", NULL, "a request of %s is let in%s",
                     small, last == doctor->length_max ? ", the server's limit" : "");
    else if (passage == PASSAGE_TOO_LONG)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "length", length_advice,
                     "a request of %s is refused already (413)", text);
    else
        findings_add(&doctor->findings, VERDICT_PROBLEM, "length", length_advice,
                     "a request of %s is refused (413), one of %s is let in", text, small);
}

/* Ever shorter requests until one is let in. False: they are refused, whatever their length is. */
static bool examine_lengths(struct doctor *doctor)
{
    uint64_t most = doctor->length_open ? UINT64_MAX : upload_length;
    uint64_t refused = 0;
    uint64_t last = 0;
    enum passage passage = PASSAGE_TOO_LONG;

    if (doctor->length_max > 0 && doctor->length_max < most)
        most = doctor->length_max;
    for (size_t i = 0; i < LENGTH_COUNT && passage == PASSAGE_TOO_LONG; i++) {
        if (i > 0 && lengths[i] >= most)
            continue; /* that was the last one */
        last = lengths[i] < most ? lengths[i] : most;
        passage = examine_length(doctor, last);
        if (passage == PASSAGE_TOO_LONG)
            refused = last;
    }
    if (passage == PASSAGE_UNKNOWN || passage == PASSAGE_REFUSED)
        return false;
    lengths_tell(doctor, refused, last, passage);
    return passage != PASSAGE_TOO_LONG;
}

/* A body of some size, sent at once, and what the answer tells of it. */
static void examine_whole(struct doctor *doctor)
{
    CLEANUP(source_closep) struct source *source = NULL;
    CLEANUP(response_done) struct response asked = { 0 };
    CLEANUP(response_done) struct response response = { 0 };
    char offset[DOCTOR_FIELD_BYTES];
    char text[SIZE_TEXT_BYTES];
    struct answer answer = { 0 };
    struct request ask = { .method = "HEAD", .url = doctor->upload, .fields = { tus_version } };
    struct request request = {
        .method = "PATCH",
        .url = doctor->upload,
        .fields = { tus_version, offset, "Content-Type: application/offset+octet-stream" },
        .count = whole_count,
    };

    if ((doctor->length_max > 0 && doctor->length_max < upload_length) ||
        source_open_zeros(whole_count, &source) != 0 ||
        doctor_ask(doctor, &ask, &asked, &answer) != OUTCOME_OK)
        return;
    request.source = source;
    (void)snprintf(offset, sizeof(offset), "Upload-Offset: %" PRIu64, asked.offset);
    enum outcome outcome = doctor_ask(doctor, &request, &response, &answer);
    size_format(whole_count, text);
    if (outcome == OUTCOME_STOPPED)
        return;
    if (outcome != OUTCOME_OK)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "PATCH",
                     "Let PATCH through to the server, with bodies of this size.",
                     "of %s fails: %s", text, answer.reason);
    else if (!response.offset_known || response.offset != asked.offset + whole_count)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "PATCH",
                     "Leave the fields Tus-* and Upload-* of answers as they are.",
                     "is answered without the right Upload-Offset");
    else
        findings_add(&doctor->findings, VERDICT_OK, "PATCH", NULL, "of %s arrives", text);
}

struct heard {
    bool announced; /* a 104 came */
};

static bool heard_interim(void *context, const char *asked, const struct interim *interim)
{
    struct heard *heard = context;

    (void)asked;
    heard->announced |= interim->status == 104;
    return true;
}

/* An upload by the IETF's protocol, which is announced while it is created. */
static void examine_interim(struct doctor *doctor)
{
    CLEANUP(response_done) struct response response = { 0 };
    struct heard heard = { 0 };
    struct answer answer = { 0 };
    struct request request = {
        .method = "POST",
        .url = doctor->endpoint,
        .fields = { "Upload-Draft-Interop-Version: 10", "Upload-Complete: ?0" },
        .interim = heard_interim,
        .context = &heard,
    };
    enum outcome outcome = doctor_ask(doctor, &request, &response, &answer);

    if (outcome == OUTCOME_STOPPED)
        return;
    if (outcome != OUTCOME_OK || !response.complete_known || response.location == NULL) {
        findings_add(&doctor->findings, VERDICT_UNKNOWN, "104", NULL,
                     "could not be tried: the server does not speak the IETF's protocol");
        return;
    }
    free(upload_made(doctor, below_endpoint(doctor->endpoint, response.location)));
    if (heard.announced)
        findings_add(&doctor->findings, VERDICT_OK, "104", NULL,
                     "interim responses come through: the IETF's protocol can resume creations");
    else
        findings_add(
            &doctor->findings, VERDICT_PROBLEM, "104",
            "Use a proxy that hands on interim responses (1xx) by HTTP/1.1 and HTTP/2, or "
            "let clients of the IETF's protocol create uploads without content. By tus "
            "nothing is lost.",
            "interim responses do not come through: a creation by the IETF's protocol that "
            "breaks begins anew");
}

static bool events_begin(void *context, const struct response *response)
{
    static const char wanted[] = "text/event-stream";
    bool *streams = context;

    *streams = response->type != NULL && strncasecmp(response->type, wanted, strlen(wanted)) == 0;
    return *streams;
}

/* The first bytes are enough. */
static bool events_take(void *context, struct bytes bytes)
{
    (void)context;
    (void)bytes;
    return false;
}

/* Live progress: an answer that goes on and on. */
static void examine_events(struct doctor *doctor)
{
    CLEANUP(response_done) struct response response = { 0 };
    CLEANUP(session_close) struct session session = { 0 };
    struct options hasty = *doctor->session.options;
    struct answer answer = { 0 };
    bool streams = false;
    struct request request = {
        .method = "GET",
        .url = doctor->upload,
        .fields = { "Accept: text/event-stream" },
        .begin = events_begin,
        .take = events_take,
        .context = &streams,
    };

    hasty.timeout_s = EVENTS_TIMEOUT_S;
    if (session_open(&hasty, NULL, "a URL is wanted", &session) != 0)
        return;
    enum outcome outcome = upload_request(session.transfer, &request, &response, &answer);
    if (outcome == OUTCOME_STOPPED)
        return;
    if (streams && outcome == OUTCOME_BROKEN)
        findings_add(&doctor->findings, VERDICT_OK, "events", NULL,
                     "live progress comes as it happens");
    else if (streams || answer.status == 0)
        findings_add(&doctor->findings, VERDICT_PROBLEM, "events",
                     "Turn the proxy's buffering of answers off (nginx: proxy_buffering off). "
                     "ferry status --follow and progress in web pages need it.",
                     "answers are held back: nothing of an event stream came in %d s",
                     EVENTS_TIMEOUT_S);
    else
        findings_add(&doctor->findings, VERDICT_UNKNOWN, "events", NULL,
                     "could not be tried: the server tells no live progress");
}

/* POST in place of DELETE, for networks that know no other methods. */
static void examine_override(struct doctor *doctor)
{
    CLEANUP(response_done) struct response created = { 0 };
    CLEANUP(response_done) struct response response = { 0 };
    struct answer answer = { 0 };

    if (doctor_create(doctor, &created, &answer) != OUTCOME_OK || created.location == NULL)
        return;
    AUTO_FREE char *url = upload_made(doctor, below_endpoint(doctor->endpoint, created.location));
    if (url == NULL)
        return;
    struct request request = {
        .method = "POST",
        .url = url,
        .fields = { tus_version, "X-HTTP-Method-Override: DELETE" },
    };
    enum outcome outcome = doctor_ask(doctor, &request, &response, &answer);
    if (outcome == OUTCOME_STOPPED)
        return;
    if (outcome == OUTCOME_OK) {
        upload_removed(doctor, url);
        findings_add(&doctor->findings, VERDICT_OK, "override", NULL,
                     "X-HTTP-Method-Override arrives");
    } else {
        findings_add(&doctor->findings, VERDICT_PROBLEM, "override",
                     "Leave the field X-HTTP-Method-Override of requests as it is: clients behind "
                     "networks that let only GET and POST through need it.",
                     "X-HTTP-Method-Override does not arrive, or the server ignores it: %s",
                     answer.reason);
    }
}

/* Removes what was made; the first one that cannot be removed is a problem. */
static void examine_removal(struct doctor *doctor)
{
    struct answer answer = { 0 };
    bool told = false;

    while (doctor->made_count > 0 && !stop_asked()) {
        CLEANUP(response_done) struct response response = { 0 };
        AUTO_FREE char *url = doctor->made[--doctor->made_count];
        struct request request = { .method = "DELETE", .url = url, .fields = { tus_version } };
        enum outcome outcome = doctor_ask(doctor, &request, &response, &answer);

        if (outcome == OUTCOME_OK || outcome == OUTCOME_GONE) {
            if (!told)
                findings_add(&doctor->findings, VERDICT_OK, "DELETE", NULL, "removes an upload");
        } else if (!told) {
            findings_add(&doctor->findings, VERDICT_PROBLEM, "DELETE",
                         "Let DELETE through to the server. The trial's uploads expire by "
                         "themselves.",
                         "is refused: %s", answer.reason);
        }
        told = true;
    }
}

/* One after the other, as far as each is of use for the next. False: the endpoint was not reached. */
static bool examine(struct doctor *doctor)
{
    if (!examine_options(doctor))
        return false;
    if (examine_creation(doctor) && examine_head(doctor)) {
        if (examine_lengths(doctor))
            examine_whole(doctor);
        examine_events(doctor);
    }
    examine_interim(doctor);
    examine_override(doctor);
    examine_removal(doctor);
    return true;
}

static int doctor_tell(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->made_count; i++)
        say_note("%s: left behind", doctor->made[i]);
    if (stop_asked()) {
        say_error("stopped");
        return 1;
    }
    if (doctor->findings.broken) {
        say_error("standard output could not be written");
        return 1;
    }
    if (doctor->findings.problem_count > 0)
        say_note("%zu %s", doctor->findings.problem_count,
                 doctor->findings.problem_count == 1 ? "problem" : "problems");
    else
        say_note("no problem");
    return doctor->findings.problem_count > 0 ? 1 : 0;
}

int doctor(const struct options *options)
{
    CLEANUP(doctor_done)
    struct doctor doctor = { .findings = { .json = options->json, .quiet = options->quiet } };
    int r = session_open(options, &doctor.pace,
                         "the http or https URL of an upload endpoint is wanted", &doctor.session);

    if (r != 0)
        return r;
    doctor.endpoint = doctor.session.address.url;
    return examine(&doctor) ? doctor_tell(&doctor) : 1;
}
