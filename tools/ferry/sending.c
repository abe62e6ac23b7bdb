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
    SENDING_READ_BYTES = 256 * 1024 * 1024,   /* reading so much takes a while that is noticed */
    SENDING_SMALLER_BYTES = 64 * 1024 * 1024, /* the first try with less than everything */
    SENDING_SMALLEST_BYTES = 64 * 1024,       /* who takes no more takes nothing */
    SENDING_DAMAGED_MAX = 5,                  /* by then it is not the line */
    SENDING_DIGEST_PATIENCE_MS = 10 * 1000,   /* all bytes are acknowledged without it */
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

/* There is an upload now: false when that cannot be kept, and it is said. */
static bool sending_created(struct sending *sending, const char *url)
{
    sending->url = strdup(url);
    if (sending->url == NULL)
        return say_errno("%s", sending->source->name) == 0;
    report_created(sending->report, sending->url);
    return sending->record == NULL ||
           record_save(sending->record, sending->part, sending->url) == 0;
}

/* What an interim response says: where the upload is, and what need not be sent again. */
static bool sending_told(void *context, const struct standing *standing)
{
    struct sending *sending = context;

    if (standing->offset_known && standing->offset > sending->offset &&
        standing->offset <= sending->possible)
        sending_acknowledged(sending, standing->offset);
    return standing->url == NULL || sending->url != NULL || sending_created(sending, standing->url);
}

/* What the next request carries; most is of its bytes. */
static struct piece sending_piece(struct sending *sending, uint64_t most)
{
    struct piece piece = {
        .source = sending->source,
        .offset = sending->offset,
        .count = source_available(sending->source, sending->offset, most),
        .length_declared = sending->length_declared,
        .closed = sending->closed,
        .checking = sending->checking,
        .moved = sending_moved,
        .passed = sending_passed,
        .told = sending_told,
        .context = sending,
    };

    piece.length_known = source_length(sending->source, &piece.length);
    return piece;
}

static void sending_limit(struct sending *sending, const struct standing *standing)
{
    if (standing->append_max > 0 && standing->append_max < sending->chunk_bytes)
        sending->chunk_bytes = standing->append_max;
}

/*
 * The server does not take so much in one request: less, by what it tells or by half. False when less
 * makes no sense.
 */
static bool sending_shrink(struct sending *sending, const struct piece *piece)
{
    if (sending->chunk_bytes < piece->count)
        return true; /* it has told */
    if (piece->count <= SENDING_SMALLEST_BYTES)
        return false;
    sending->chunk_bytes =
        piece->count / 2 < SENDING_SMALLER_BYTES ? piece->count / 2 : SENDING_SMALLER_BYTES;
    return true;
}

/* A piece was sent, more or less: what of its outcome is the same for all of them. */
static enum outcome sending_sent(struct sending *sending, const struct piece *piece,
                                 const struct standing *standing, enum outcome outcome)
{
    sending->report->sent += sending->answer.sent;
    sending_limit(sending, standing);
    if (standing->complete)
        sending->digest = standing->digest;
    sending->damaged_count = sending->answer.damaged ? sending->damaged_count + 1 : 0;
    if (sending->damaged_count >= SENDING_DAMAGED_MAX) {
        (void)snprintf(sending->answer.reason, sizeof(sending->answer.reason),
                       "the server finds every try of these bytes damaged (%d)",
                       sending->answer.status);
        return OUTCOME_REFUSED;
    }
    if (outcome == OUTCOME_SMALLER && !sending_shrink(sending, piece))
        return OUTCOME_REFUSED;
    return outcome;
}

/* Of standard input: waits for what the next request will carry. */
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

/* The creation and the piece that it brings along. */
static enum outcome sending_create_with(struct sending *sending, uint64_t most)
{
    CLEANUP(standing_done) struct standing standing = { 0 };
    struct piece piece = sending_piece(sending, most);
    struct creation creation = {
        .endpoint = sending->endpoint,
        .metadata = sending->metadata,
        .partial = sending->partial,
    };

    enum outcome outcome = sending->protocol->create(sending->transfer, &creation, &piece,
                                                     &standing, &sending->answer);
    outcome = sending_sent(sending, &piece, &standing, outcome);
    if (sending->url == NULL && standing.url != NULL && !sending_created(sending, standing.url))
        return OUTCOME_BROKEN;
    if (outcome == OUTCOME_RETRY && sending->url == NULL && sending->answer.taken > 0)
        sending->careful = true;
    if (outcome == OUTCOME_GONE)
        return OUTCOME_REFUSED; /* the endpoint itself */
    if (outcome != OUTCOME_OK)
        return outcome;

    sending->length_declared = standing.length_known;
    sending->complete = standing.complete;
    sending_acknowledged(sending, standing.offset);
    return OUTCOME_OK;
}

static enum outcome sending_create(struct sending *sending)
{
    bool brings = sending->protocol->creation_brings && !sending->careful;

    report_forget(sending->report);
    free(TAKE_PTR(sending->url));
    sending->offset = sending->highest = sending->possible = 0;
    sending->closed = false;
    enum outcome outcome = brings ? sending_gather(sending) : OUTCOME_OK;
    return outcome == OUTCOME_OK ? sending_create_with(sending, brings ? sending->chunk_bytes : 0)
                                 : outcome;
}

/* The server's answer fits our source; NULL, or why not. */
static const char *sending_misfit(const struct sending *sending, const struct standing *standing)
{
    uint64_t length = 0;
    bool length_known = source_length(sending->source, &length);

    if (sending->source->spool == NULL && !standing->length_known && sending->protocol->length_told)
        return "the upload on the server has another length";
    if (length_known && standing->length_known && standing->length != length)
        return "the upload on the server has another length";
    if (!sending->resumed && standing->offset > sending->possible)
        return "the server claims bytes that were never sent";
    if (standing->closed && (!length_known || standing->offset != length))
        return "the upload on the server is complete, and is another one";
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
    sending_limit(sending, &standing);
    sending->closed = standing.closed;
    sending->length_declared = standing.length_known;
    sending->complete = standing.complete;
    sending_acknowledged(sending, standing.offset);
    return OUTCOME_OK;
}

/* A refusal has told where to go on: no need to ask. */
static enum outcome sending_take_word(struct sending *sending, const struct standing *standing)
{
    const char *misfit = sending_misfit(sending, standing);

    if (misfit != NULL)
        return sending_refuse(sending, misfit);
    sending_acknowledged(sending, standing->offset);
    sending->told = true;
    return OUTCOME_RETRY;
}

static enum outcome sending_append(struct sending *sending)
{
    CLEANUP(standing_done) struct standing standing = { 0 };

    enum outcome outcome = sending_gather(sending);
    if (outcome != OUTCOME_OK)
        return outcome;

    struct piece piece = sending_piece(sending, sending->chunk_bytes);
    outcome = sending->protocol->append(sending->transfer, sending->url, &piece, &standing,
                                        &sending->answer);
    outcome = sending_sent(sending, &piece, &standing, outcome);
    if (outcome == OUTCOME_RETRY && standing.offset_known)
        return sending_take_word(sending, &standing);
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

static enum step step_after_failure(struct sending *sending)
{
    bool told = sending->told;

    sending->told = false;
    if (sending->url == NULL)
        return STEP_CREATE;
    return told ? STEP_APPEND : STEP_ASK;
}

/* What comes after a step and its outcome. OUTCOME_OK, or why it all ends here. */
static enum outcome step_follow(enum step *step, enum outcome outcome, struct sending *sending)
{
    switch (outcome) {
    case OUTCOME_OK: *step = sending->complete ? STEP_DONE : STEP_APPEND; break;
    case OUTCOME_SMALLER: *step = step_after_failure(sending); return OUTCOME_OK;
    case OUTCOME_RETRY:
        *step = step_after_failure(sending);
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

    if (sending->url == NULL)
        return false; /* complete, and nobody has said where */
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

    if (!sending->digest_wanted)
        return OUTCOME_OK;
    told = sending->digest;
    if (told.algorithm == DIGEST_NONE && !sending_ask_digest(sending, &told))
        return OUTCOME_OK;
    if (hashing_final(&sending->hashing, sending->source, told.algorithm, &value) != 0)
        return stop_asked() ? OUTCOME_STOPPED : OUTCOME_BROKEN;
    if (value.algorithm == DIGEST_NONE || digest_value_equal(&value, &told))
        return OUTCOME_OK;

    if (sending->record != NULL)
        (void)record_drop(sending->record, sending->part); /* there is nothing to go on with */
    return sending_refuse(sending, "damaged: the server's digest is not that of the file");
}

enum outcome sending_run(struct sending *sending)
{
    enum step step = STEP_CREATE;
    enum outcome outcome = OUTCOME_OK;

    if (sending->digest_wanted)
        hashing_start(&sending->hashing, sending->source);
    assert(sending->url == NULL && sending->chunk_bytes > 0);
    if (sending->record != NULL && record_upload(sending->record, sending->part) != NULL) {
        sending->url = strdup(record_upload(sending->record, sending->part));
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
