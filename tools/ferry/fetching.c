#include "tools/ferry/fetching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/filename.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/stop.h"

enum {
    FETCHING_PIECE_BYTES = 256 * 1024
};

/* For the time when the answer has ended. */
static enum outcome fetching_reject(struct fetching *fetching, const char *reason)
{
    fetching->refusal = reason;
    return OUTCOME_REFUSED;
}

static enum outcome fetching_refuse(struct fetching *fetching, const char *reason)
{
    (void)snprintf(fetching->answer.reason, sizeof(fetching->answer.reason), "%s", reason);
    return OUTCOME_REFUSED;
}

static uint64_t fetching_offset(const struct fetching *fetching)
{
    return fetching->sink == NULL ? 0 : fetching->sink->offset;
}

/*
 * Takes up what an earlier run has left. Its last byte is fetched once more: so the server is asked
 * whether all of it still holds, even if nothing is missing.
 */
static enum outcome fetching_take_up(struct fetching *fetching)
{
    static const struct birth unknown = { 0 };
    const struct record *record = fetching->record;
    bool begun = record != NULL && record_target(record) != NULL;
    const char *path = fetching->output != NULL ? fetching->output
                       : begun                  ? record_target(record)
                                                : NULL;

    if (path == NULL)
        return OUTCOME_OK;
    if (strcmp(path, "-") == 0)
        return sink_open_output(&fetching->sink) == 0 ? OUTCOME_OK : OUTCOME_BROKEN;
    if (sink_check(path, fetching->force) != 0 ||
        sink_open(path, begun ? record_birth(record) : &unknown, fetching->force,
                  &fetching->sink) != 0)
        return OUTCOME_BROKEN;
    if (fetching->sink->offset == 0)
        return OUTCOME_OK;

    const char *etag = begun ? record_etag(record) : NULL;
    fetching->etag = etag == NULL ? NULL : strdup(etag);
    uint64_t kept = fetching->etag == NULL ? 0 : fetching->sink->offset - 1;
    return sink_truncate(fetching->sink, kept) == 0 ? OUTCOME_OK : OUTCOME_BROKEN;
}

/* The server sends the file from its beginning. */
static enum outcome fetching_begin_anew(struct fetching *fetching, const struct response *response)
{
    struct sink *sink = fetching->sink;

    fetching->skip = 0;
    if (sink == NULL || sink->offset == 0)
        return OUTCOME_OK;
    if (sink->path == NULL) {
        if (response->etag == NULL || strcmp(response->etag, fetching->etag) != 0)
            return fetching_reject(fetching,
                                   "it changed on the server, and what standard output "
                                   "has had cannot be taken back");
        fetching->skip = sink->offset;
        return OUTCOME_OK;
    }
    say_note("%s: changed on the server, or it sends no parts; starting anew", sink->name);
    return sink_truncate(sink, 0) == 0 ? OUTCOME_OK : OUTCOME_BROKEN;
}

/* "A client [...] MUST examine [...] the Content-Range [...] to determine" what came. */
static bool fetching_part_fits(const struct fetching *fetching, const struct response *response)
{
    uint64_t offset = fetching_offset(fetching);

    return offset > 0 && response->begin_known && response->begin == offset &&
           (response->etag == NULL || strcmp(response->etag, fetching->etag) == 0) &&
           (!fetching->size_known || !response->size_known || response->size == fetching->size);
}

static enum outcome fetching_open(struct fetching *fetching, const struct response *response)
{
    static const struct birth unknown = { 0 };

    if (fetching->sink != NULL)
        return OUTCOME_OK;
    AUTO_FREE char *name = filename_of(response->disposition, response->asked);
    if (name == NULL || sink_check(name, fetching->force) != 0 ||
        sink_open(name, &unknown, fetching->force, &fetching->sink) != 0)
        return OUTCOME_BROKEN;
    return OUTCOME_OK;
}

/* Hashes what is in the sink and was not hashed yet. */
static enum outcome fetching_hash_part(struct fetching *fetching)
{
    struct sink *sink = fetching->sink;
    AUTO_FREE uint8_t *buffer = malloc(FETCHING_PIECE_BYTES);

    if (buffer == NULL)
        return OUTCOME_BROKEN;
    while (fetching->running.position < sink->offset) {
        uint64_t rest = sink->offset - fetching->running.position;
        size_t wanted = rest < FETCHING_PIECE_BYTES ? (size_t)rest : FETCHING_PIECE_BYTES;
        ssize_t got = sink_read(sink, fetching->running.position, buffer, wanted);
        if (got < 0)
            return OUTCOME_BROKEN;
        if (stop_asked())
            return OUTCOME_STOPPED;
        digest_update(&fetching->running, bytes_of(buffer, (size_t)got));
    }
    return OUTCOME_OK;
}

/* Makes ready for the digest that the server tells; a part of a file that is known keeps its own. */
static enum outcome fetching_digest(struct fetching *fetching, const struct response *response)
{
    if (!fetching->digest_wanted)
        return OUTCOME_OK;
    if (response->digest.algorithm != DIGEST_NONE || response->status == 200)
        fetching->told = response->digest;
    if (fetching->running.algorithm != fetching->told.algorithm ||
        fetching->running.position > fetching->sink->offset)
        digest_init(&fetching->running, fetching->told.algorithm);
    if (fetching->told.algorithm == DIGEST_NONE)
        return OUTCOME_OK;
    if (fetching->sink->path == NULL && fetching->running.position < fetching->sink->offset) {
        fetching->told.algorithm = DIGEST_NONE; /* what has left cannot be read again */
        return OUTCOME_OK;
    }
    return fetching_hash_part(fetching);
}

static void fetching_remember(struct fetching *fetching)
{
    const struct sink *sink = fetching->sink;
    struct birth birth = sink_birth(sink);

    if (fetching->record != NULL && sink->path != NULL &&
        record_save_download(fetching->record, sink->path, fetching->etag, &birth) != 0)
        say_note("%s: a later run will not be able to go on with this download", sink->name);
}

/* The header of an answer: what its body will be. */
static enum outcome fetching_accept(struct fetching *fetching, const struct response *response)
{
    bool first = !fetching->started;
    enum outcome outcome = OUTCOME_OK;

    if (response->status == 200)
        outcome = fetching_begin_anew(fetching, response);
    else if (response->status != 206 || !fetching_part_fits(fetching, response))
        outcome = fetching_reject(fetching, "the answer is not what was asked for");
    if (outcome == OUTCOME_OK)
        outcome = fetching_open(fetching, response);
    if (outcome != OUTCOME_OK)
        return outcome;

    if (response->status == 200) {
        free(fetching->etag);
        fetching->etag = response->etag == NULL ? NULL : strdup(response->etag);
        fetching_remember(fetching);
    }
    if (response->status == 200 || response->size_known) {
        fetching->size_known = response->size_known;
        fetching->size = response->size;
    }
    if (fetching->size_known)
        report_length(fetching->report, fetching->size);
    if (first)
        report_started(fetching->report, fetching->sink->path == NULL ? "-" : fetching->sink->path,
                       fetching->sink->name, fetching_offset(fetching));
    fetching->started = true;
    return fetching_digest(fetching, response);
}

static bool fetching_begin(void *context, const struct response *response)
{
    struct fetching *fetching = context;

    fetching->accepted = fetching_accept(fetching, response);
    return fetching->accepted == OUTCOME_OK;
}

static bool fetching_take(void *context, struct bytes bytes)
{
    struct fetching *fetching = context;
    size_t skipped = fetching->skip < bytes.count ? (size_t)fetching->skip : bytes.count;

    fetching->report->sent += bytes.count;
    fetching->skip -= skipped;
    bytes = bytes_after(bytes, skipped);
    if (sink_write(fetching->sink, bytes) != 0)
        return false;
    if (fetching->running.algorithm != DIGEST_NONE)
        digest_update(&fetching->running, bytes);
    if (fetching->sink->offset > fetching->highest) {
        fetching->highest = fetching->sink->offset;
        backoff_progress(&fetching->backoff);
    }
    report_moved(fetching->report, fetching->sink->offset);
    return true;
}

/* What an answer that came to its end means. */
static enum outcome fetching_judge(struct fetching *fetching)
{
    uint64_t offset = fetching_offset(fetching);

    if (fetching->accepted == OUTCOME_REFUSED)
        return fetching_refuse(fetching, fetching->refusal);
    if (fetching->accepted != OUTCOME_OK)
        return fetching->accepted;
    if (!fetching->size_known || offset == fetching->size)
        return OUTCOME_OK;
    (void)fetching_refuse(fetching, offset < fetching->size
                                        ? "the answer ended too early"
                                        : "the server sent more than the file has");
    return offset < fetching->size ? OUTCOME_RETRY : OUTCOME_REFUSED;
}

static enum outcome fetching_ask(struct fetching *fetching)
{
    CLEANUP(response_done) struct response response = { 0 };
    uint64_t offset = fetching_offset(fetching);

    if (offset > 0 && fetching->etag == NULL && fetching->sink->path == NULL)
        return fetching_refuse(fetching,
                               "the server tells no strong ETag by which to go on, and "
                               "what standard output has had cannot be taken back");
    struct reading reading = {
        .offset = fetching->etag == NULL ? 0 : offset,
        .etag = fetching->etag,
        .begin = fetching_begin,
        .take = fetching_take,
        .context = fetching,
    };
    enum outcome outcome =
        upload_read(fetching->transfer, fetching->url, &reading, &response, &fetching->answer);
    if (outcome == OUTCOME_OK)
        return fetching_judge(fetching);
    if (outcome == OUTCOME_BROKEN && stop_asked())
        return OUTCOME_STOPPED;

    /* the part is not of this file: from the beginning, which can happen once */
    if (response.status == 416 && reading.offset > 0 && fetching->sink->path != NULL) {
        free(TAKE_PTR(fetching->etag));
        return sink_truncate(fetching->sink, 0) == 0 ? OUTCOME_RETRY : OUTCOME_BROKEN;
    }
    return outcome;
}

/* Everything has come: is it what the server has? */
static enum outcome fetching_check(struct fetching *fetching)
{
    struct digest_value value;

    if (fetching->told.algorithm == DIGEST_NONE)
        return OUTCOME_OK;
    digest_final(&fetching->running, &value);
    if (digest_value_equal(&value, &fetching->told))
        return OUTCOME_OK;

    sink_discard(fetching->sink);
    if (fetching->record != NULL)
        (void)record_forget(fetching->record);
    return fetching_refuse(fetching, fetching->sink->path == NULL
                                         ? "damaged: its digest is not the server's"
                                         : "damaged: its digest is not the server's; removed");
}

enum outcome fetching_run(struct fetching *fetching)
{
    enum outcome outcome = fetching_take_up(fetching);
    if (outcome != OUTCOME_OK)
        return outcome;

    while ((outcome = fetching_ask(fetching)) == OUTCOME_RETRY) {
        outcome = retry_wait(&fetching->backoff, &fetching->answer, fetching->report, NULL);
        if (outcome != OUTCOME_OK)
            return outcome;
    }
    if (outcome == OUTCOME_OK)
        outcome = fetching_check(fetching);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (sink_finish(fetching->sink) != 0)
        return OUTCOME_BROKEN;
    if (fetching->record != NULL)
        (void)record_forget(fetching->record); /* one that stays finds no part: no harm */
    return OUTCOME_OK;
}

bool fetching_resumable(const struct fetching *fetching)
{
    return fetching->record != NULL && record_target(fetching->record) != NULL &&
           record_etag(fetching->record) != NULL;
}

void fetching_done(struct fetching *fetching)
{
    sink_close(fetching->sink);
    free(fetching->etag);
    fetching->sink = NULL;
    fetching->etag = NULL;
}
