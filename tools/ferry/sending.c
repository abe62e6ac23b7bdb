#include "tools/ferry/sending.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/spool.h"
#include "tools/ferry/stop.h"

enum {
    SENDING_READ_BYTES = 256 * 1024 * 1024, /* reading so much takes a while that is noticed */
    SENDING_DAMAGED_MAX = 5,                /* by then it is not the line */
    SENDING_DIGEST_PATIENCE_MS = 10 * 1000, /* all bytes are acknowledged without it */
};

enum step {
    STEP_CREATE,
    STEP_ASK,
    STEP_APPEND,
    STEP_DONE,
};

static enum outcome sending_refuse(struct sending *sending, const char *reason)
{
    (void)snprintf(sending->answer.reason, sizeof(sending->answer.reason), "%s", reason);
    return OUTCOME_REFUSED;
}

/* The server has acknowledged so much. */
static void sending_acknowledged(struct sending *sending, uint64_t offset)
{
    sending->offset = offset;
    source_acknowledge(sending->source, offset);
    if (offset > sending->highest) {
        sending->highest = offset;
        backoff_progress(&sending->backoff);
    }
}

static void sending_moved(void *context, uint64_t offset)
{
    struct sending *sending = context;
    report_moved(sending->report, offset);
}

static void sending_passed(void *context, uint64_t offset, struct bytes bytes)
{
    struct sending *sending = context;

    if (sending->possible < offset + bytes.count)
        sending->possible = offset + bytes.count;
    hashing_pass(&sending->hashing, offset, bytes);
}

/* What the next request carries. */
static struct piece sending_piece(struct sending *sending)
{
    struct piece piece = {
        .source = sending->source,
        .offset = sending->offset,
        .count = source_available(sending->source, sending->offset, sending->chunk_bytes),
        .length_declared = sending->length_declared,
        .checking = sending->checking,
        .moved = sending_moved,
        .passed = sending_passed,
        .context = sending,
    };

    piece.length_known = source_length(sending->source, &piece.length);
    return piece;
}

static enum outcome sending_create(struct sending *sending)
{
    CLEANUP(standing_done) struct standing standing = { 0 };

    sending->offset = sending->highest = sending->possible = 0;
    struct piece piece = sending_piece(sending);
    enum outcome outcome =
        sending->protocol->create(sending->transfer, sending->endpoint, sending->metadata, &piece,
                                  &standing, &sending->answer);
    if (outcome == OUTCOME_GONE)
        return OUTCOME_REFUSED; /* the endpoint itself */
    if (outcome != OUTCOME_OK)
        return outcome;

    free(sending->url);
    sending->url = TAKE_PTR(standing.url);
    sending->length_declared = standing.length_known;
    sending->complete = standing.complete;
    report_created(sending->report, sending->url);
    if (sending->record != NULL &&
        record_save(sending->record, sending->url, &sending->source->identity) != 0)
        return OUTCOME_BROKEN;
    return OUTCOME_OK;
}

/* The server's answer fits our source; NULL, or why not. */
static const char *sending_misfit(const struct sending *sending, const struct standing *standing)
{
    uint64_t length = 0;
    bool length_known = source_length(sending->source, &length);

    if (sending->source->spool == NULL && (!standing->length_known || standing->length != length))
        return "the upload on the server has another length";
    if (length_known && standing->length_known && standing->length != length)
        return "the upload on the server has another length";
    if (!sending->resumed && standing->offset > sending->possible)
        return "the server claims bytes that were never sent";
    if (standing->offset < source_earliest(sending->source))
        return "the server has lost bytes that it had acknowledged, and standard input cannot be "
               "read again";
    return NULL;
}

/*
 * The answer to a later run's first HEAD says that this is no upload of ours any more, in whatever
 * words. If something else is wrong, the creation that follows will meet it too, and the record
 * stays until then.
 */
static bool sending_was_forgotten(int status)
{
    return (status >= 200 && status < 300) || (status >= 400 && status < 500 && status != 401);
}

static enum outcome sending_ask(struct sending *sending)
{
    CLEANUP(standing_done) struct standing standing = { 0 };
    bool resumed = sending->resumed;

    enum outcome outcome =
        sending->protocol->ask(sending->transfer, sending->url, &standing, &sending->answer);
    if (outcome == OUTCOME_REFUSED && resumed && sending_was_forgotten(sending->answer.status))
        return OUTCOME_GONE;
    if (outcome != OUTCOME_OK)
        return outcome;

    const char *misfit = sending_misfit(sending, &standing);
    if (misfit != NULL) {
        (void)sending_refuse(sending, misfit);
        return resumed ? OUTCOME_GONE : OUTCOME_REFUSED;
    }
    if (resumed && sending->hashing.count > 0 && standing.offset > SENDING_READ_BYTES)
        say_note("%s: reading what is there already, for the digest", sending->source->name);
    if (hashing_catch_up(&sending->hashing, sending->source, standing.offset) != 0)
        return stop_asked() ? OUTCOME_STOPPED : OUTCOME_BROKEN;
    if (resumed) {
        sending->possible = standing.offset;
        report_resumed(sending->report, sending->url, standing.offset);
    }
    sending->resumed = false;
    sending->length_declared = standing.length_known;
    sending->complete = standing.complete;
    sending_acknowledged(sending, standing.offset);
    return OUTCOME_OK;
}

/* Of standard input: waits for what the next PATCH will carry. */
static enum outcome sending_gather(struct sending *sending)
{
    uint64_t length = 0;

    if (sending->source->spool == NULL)
        return OUTCOME_OK;
    if (spool_gather(sending->source->spool, sending->offset, sending->chunk_bytes) != 0)
        return OUTCOME_BROKEN;
    if (stop_asked())
        return OUTCOME_STOPPED;
    if (source_length(sending->source, &length))
        report_length(sending->report, length);
    return OUTCOME_OK;
}

static enum outcome sending_append(struct sending *sending)
{
    CLEANUP(standing_done) struct standing standing = { 0 };

    enum outcome outcome = sending_gather(sending);
    if (outcome != OUTCOME_OK)
        return outcome;

    struct piece piece = sending_piece(sending);
    outcome = sending->protocol->append(sending->transfer, sending->url, &piece, &standing,
                                        &sending->answer);
    sending->report->sent += sending->answer.sent;
    sending->damaged_count = sending->answer.damaged ? sending->damaged_count + 1 : 0;
    if (sending->damaged_count >= SENDING_DAMAGED_MAX)
        return sending_refuse(sending, "the server finds every try of these bytes damaged (460)");
    if (outcome != OUTCOME_OK)
        return outcome;

    if (standing.offset == piece.offset && piece.count > 0) {
        (void)sending_refuse(sending, "the server took no byte");
        return OUTCOME_RETRY;
    }
    sending->length_declared = standing.length_known;
    sending->complete = standing.complete;
    sending_acknowledged(sending, standing.offset);
    return OUTCOME_OK;
}

static enum outcome step_run(enum step step, struct sending *sending)
{
    switch (step) {
    case STEP_CREATE: return sending_create(sending);
    case STEP_ASK: return sending_ask(sending);
    case STEP_APPEND: return sending_append(sending);
    case STEP_DONE: break;
    }
    return OUTCOME_OK;
}

/* The server does not know the upload: once, and while we still have every byte, a new one takes
 * its place. */
static enum outcome sending_begin_anew(struct sending *sending)
{
    if (sending->begun_anew || source_earliest(sending->source) > 0)
        return OUTCOME_REFUSED;

    say_note("%s: cannot go on with %s (%s); starting anew", sending->source->name, sending->url,
             sending->answer.reason);
    sending->begun_anew = true;
    sending->resumed = false;
    return OUTCOME_OK;
}

/* What comes after a step and its outcome. OUTCOME_OK, or why it all ends here. */
static enum outcome step_follow(enum step *step, enum outcome outcome, struct sending *sending)
{
    switch (outcome) {
    case OUTCOME_OK: *step = sending->complete ? STEP_DONE : STEP_APPEND; break;
    case OUTCOME_RETRY:
        *step = *step == STEP_CREATE ? STEP_CREATE : STEP_ASK;
        return retry_wait(&sending->backoff, &sending->answer, sending->report,
                          sending->source->name);
    case OUTCOME_GONE: *step = STEP_CREATE; return sending_begin_anew(sending);
    case OUTCOME_REFUSED:
    case OUTCOME_STOPPED:
    case OUTCOME_BROKEN: break;
    }
    return outcome;
}

/* The server's digest of what it has, where it tells one; an answer that does not come is no harm. */
static bool sending_ask_digest(struct sending *sending, struct digest_value *ret_digest)
{
    CLEANUP(standing_done) struct standing standing = { 0 };
    struct answer answer = { 0 };
    struct backoff backoff = sending->backoff;
    enum outcome outcome;

    backoff_progress(&backoff);
    if (backoff.patience_ms == 0 || backoff.patience_ms > SENDING_DIGEST_PATIENCE_MS)
        backoff.patience_ms = SENDING_DIGEST_PATIENCE_MS;
    while ((outcome = sending->protocol->ask(sending->transfer, sending->url, &standing,
                                             &answer)) == OUTCOME_RETRY)
        if ((outcome = retry_wait(&backoff, &answer, sending->report, NULL)) != OUTCOME_OK)
            break;
    if (outcome == OUTCOME_RETRY)
        say_note("%s: the server has it all, but does not tell its digest: %s",
                 sending->source->name, answer.reason);
    *ret_digest = standing.digest;
    return outcome == OUTCOME_OK && standing.digest.algorithm != DIGEST_NONE;
}

static enum outcome sending_compare(struct sending *sending)
{
    struct digest_value told;
    struct digest_value value;

    if (!sending->digest_wanted || !sending_ask_digest(sending, &told))
        return OUTCOME_OK;
    if (hashing_final(&sending->hashing, sending->source, told.algorithm, &value) != 0)
        return stop_asked() ? OUTCOME_STOPPED : OUTCOME_BROKEN;
    if (value.algorithm == DIGEST_NONE || digest_value_equal(&value, &told))
        return OUTCOME_OK;

    if (sending->record != NULL)
        (void)record_forget(sending->record); /* there is nothing to go on with */
    return sending_refuse(sending, "damaged: the server's digest is not that of the file");
}

enum outcome sending_run(struct sending *sending)
{
    enum step step = STEP_CREATE;
    enum outcome outcome = OUTCOME_OK;

    if (sending->digest_wanted)
        hashing_start(&sending->hashing, sending->source);
    assert(sending->url == NULL && sending->chunk_bytes > 0);
    if (sending->record != NULL && record_upload(sending->record) != NULL) {
        sending->url = strdup(record_upload(sending->record));
        sending->resumed = sending->url != NULL;
        step = sending->resumed ? STEP_ASK : STEP_CREATE;
    }

    while (outcome == OUTCOME_OK && step != STEP_DONE)
        outcome = step_follow(&step, step_run(step, sending), sending);
    if (outcome == OUTCOME_OK && source_check(sending->source) != 0)
        outcome = OUTCOME_BROKEN;
    return outcome == OUTCOME_OK ? sending_compare(sending) : outcome;
}

void sending_done(struct sending *sending)
{
    free(sending->url);
    sending->url = NULL;
}
