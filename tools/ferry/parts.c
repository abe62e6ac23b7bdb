#include "tools/ferry/parts.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/stop.h"
#include "tools/ferry/text.h"

enum {
    PART_LEAST_BYTES = 1024 * 1024, /* less is not worth a connection */
    PART_UNIT_BYTES = 64 * 1024,    /* no file system has larger blocks */
};

/* One of them at work. */
struct part {
    struct sending sending;
    struct source *source;
    struct session session;
    struct report report;
    atomic_bool *ended; /* by one that failed, for all */
    enum outcome outcome;
    pthread_t thread;
    bool threaded;
};

size_t parts_count(uint64_t size, size_t wanted)
{
    uint64_t worth = size / PART_LEAST_BYTES;

    if (worth < 1)
        return 1;
    return worth < wanted ? (size_t)worth : wanted;
}

/*
 * Where a part begins; that of the part behind the last one is the end. All begin with a block of a file system: where
 * files can share blocks, a server that makes one file of them then need not copy any.
 */
static uint64_t part_begin(uint64_t size, size_t count, size_t number)
{
    uint64_t even = size / count * number;
    return number == count ? size : even - even % PART_UNIT_BYTES;
}

static bool part_open(struct part *part, const struct parts *parts, size_t number)
{
    static const struct metadata nothing; /* the upload that they become has it */
    const struct sending *whole = parts->whole;
    uint64_t size = whole->source->size;
    uint64_t begin = part_begin(size, parts->count, number);
    uint64_t end = part_begin(size, parts->count, number + 1);

    if (source_open_part(whole->source, begin, end - begin, &part->source) != 0 ||
        session_open_another(parts->session, &part->session) != 0)
        return false;
    report_part(&part->report, whole->report, record_upload(whole->record, number) != NULL);
    part->sending = *whole;
    part->sending.part = number;
    part->sending.partial = true;
    part->sending.source = part->source;
    part->sending.transfer = part->session.transfer;
    part->sending.report = &part->report;
    part->sending.metadata = &nothing;
    return true;
}

static void part_close(struct part *part)
{
    sending_done(&part->sending);
    session_close(&part->session);
    source_close(part->source);
}

static void part_run(struct part *part)
{
    stop_follow(part->ended);
    part->outcome = sending_run(&part->sending);
    stop_follow(NULL);
    if (part->outcome != OUTCOME_OK)
        *part->ended = true;
}

static void *part_start_thread(void *context)
{
    text_start_thread();
    part_run(context);
    return NULL;
}

/* All at a time; where there is no thread to be had, one after the other. */
static void parts_send(struct part *part, size_t count)
{
    for (size_t i = 1; i < count; i++)
        part[i].threaded = pthread_create(&part[i].thread, NULL, part_start_thread, &part[i]) == 0;
    for (size_t i = 0; i < count; i++)
        if (!part[i].threaded)
            part_run(&part[i]);
    for (size_t i = 1; i < count; i++)
        if (part[i].threaded)
            (void)pthread_join(part[i].thread, NULL);
}

/* The first that failed tells why; those that it ended were only stopped. */
static enum outcome parts_conclude(struct parts *parts, const struct part *part)
{
    enum outcome outcome = OUTCOME_OK;

    for (size_t i = 0; i < parts->count; i++) {
        parts->whole->report->sent += part[i].report.sent;
        if (part[i].outcome != OUTCOME_OK &&
            (outcome == OUTCOME_OK || outcome == OUTCOME_STOPPED)) {
            outcome = part[i].outcome;
            parts->answer = part[i].sending.answer;
        }
    }
    return outcome;
}

/* One try. The server knows the key of another request, of other parts or other metadata, when it says 422:
 * then this one needs a new key. */
static enum outcome parts_join_once(struct parts *parts, struct joint *joint)
{
    CLEANUP(standing_done) struct standing standing = { 0 };
    const struct sending *whole = parts->whole;

    enum outcome outcome = whole->protocol->join(whole->transfer, joint, &standing, &parts->answer);
    if (outcome == OUTCOME_REFUSED && parts->answer.status == 422 && !parts->key_renewed) {
        parts->key_renewed = true;
        return record_renew_join_key(whole->record) == 0 ? parts_join_once(parts, joint)
                                                         : OUTCOME_BROKEN;
    }
    parts->url = TAKE_PTR(standing.url);
    return outcome == OUTCOME_GONE ? OUTCOME_REFUSED : outcome;
}

static enum outcome parts_join(struct parts *parts, const struct part *part)
{
    const struct sending *whole = parts->whole;
    const char *urls[RECORD_PARTS_MAX];
    struct backoff backoff = whole->backoff;
    struct joint joint = {
        .endpoint = whole->endpoint,
        .metadata = whole->metadata,
        .urls = urls,
        .count = parts->count,
        .key = record_join_key(whole->record),
    };
    enum outcome outcome;

    for (size_t i = 0; i < parts->count; i++)
        urls[i] = part[i].sending.url;
    do {
        outcome = parts_join_once(parts, &joint);
    } while (outcome == OUTCOME_RETRY &&
             (outcome = retry_wait(&backoff, &parts->answer, whole->report, whole->source->name)) ==
                 OUTCOME_OK);
    return outcome;
}

/* What they have become is as long as the file; a server that does not say so now has said enough. */
static enum outcome parts_check(struct parts *parts)
{
    CLEANUP(standing_done) struct standing standing = { 0 };
    const struct sending *whole = parts->whole;
    struct answer answer = { 0 };

    if (!whole->digest_wanted ||
        whole->protocol->ask(whole->transfer, parts->url, &standing, &answer) != OUTCOME_OK)
        return OUTCOME_OK;
    if (!standing.length_known || standing.length == whole->source->size)
        return OUTCOME_OK;
    return upload_refuse(&parts->answer, "the server has joined the parts to another length");
}

static enum outcome parts_run_opened(struct parts *parts, struct part *part)
{
    parts_send(part, parts->count);
    enum outcome outcome = parts_conclude(parts, part);
    if (outcome == OUTCOME_OK)
        outcome = parts_join(parts, part);
    if (outcome != OUTCOME_OK)
        return outcome;

    report_created(parts->whole->report, parts->url);
    return parts_check(parts);
}

enum outcome parts_run(struct parts *parts)
{
    struct part *part = calloc(parts->count, sizeof(*part));
    enum outcome outcome = OUTCOME_OK;
    atomic_bool ended = false;

    assert(parts->count <= RECORD_PARTS_MAX);
    if (part == NULL)
        return upload_refuse(&parts->answer, "no memory");
    for (size_t i = 0; i < parts->count && outcome == OUTCOME_OK; i++) {
        part[i].ended = &ended;
        outcome = part_open(&part[i], parts, i) ? OUTCOME_OK : OUTCOME_BROKEN;
    }
    if (outcome == OUTCOME_OK)
        outcome = parts_run_opened(parts, part);
    for (size_t i = 0; i < parts->count; i++)
        part_close(&part[i]);
    free(part);
    return outcome;
}

void parts_done(struct parts *parts)
{
    free(parts->url);
    parts->url = NULL;
}
