#include "tools/ferry/put.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/ending.h"
#include "tools/ferry/files.h"
#include "tools/ferry/filetype.h"
#include "tools/ferry/parts.h"
#include "tools/ferry/record.h"
#include "tools/ferry/report.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/sending.h"
#include "tools/ferry/session.h"
#include "tools/ferry/source.h"
#include "tools/ferry/text.h"

enum {
    PUT_CHECKED_CHUNK_BYTES = 16 * 1024 * 1024, /* what is sent again when one of them is damaged */
    PUT_SPOOL_BYTES = 16 * 1024 * 1024,         /* of standard input, in memory */
    /* One PATCH carries half of that at most: the other half is filled meanwhile. */
    PUT_SPOOL_CHUNK_BYTES = PUT_SPOOL_BYTES / 2,
};

/* What the jobs share. */
struct put {
    const struct options *options;
    struct files files;
    struct pace pace;
    struct board board;
    struct checking checking;
    size_t parallel; /* in how many parts a file goes, if that is worth it */

    pthread_mutex_t mutex;
    size_t next; /* of the files */
    int status;  /* of the exit */
};

/* One of those that upload at the same time. */
struct job {
    struct put *put;
    struct session *session;
    struct report report;
};

/*
 * The user's pairs, and filename, filetype and relativePath unless the user gave them. Names are
 * bytes, and the server gets them as they are. False when these are too many.
 */
static bool put_metadata(const struct options *options, const struct file *file,
                         const struct source *source, struct metadata *metadata)
{
    bool complete = true;

    if (source->path != NULL) {
        const char *name = strrchr(source->given, '/');
        name = name == NULL ? source->given : name + 1;
        complete &= metadata_set(metadata, "filename", name);
        complete &= metadata_set(metadata, "filetype", filetype_of(name));
    }
    if (file->relative != NULL)
        complete &= metadata_set(metadata, "relativePath", file->relative);
    for (size_t i = 0; i < options->metadata.count; i++)
        complete &= metadata_set(metadata, options->metadata.pairs[i].key,
                                 options->metadata.pairs[i].value);
    if (!complete)
        say_error("%s: the metadata is too long for a request", source->name);
    return complete;
}

/* Why what an earlier run has begun is of no use; NULL: it is. */
static const char *put_obstacle(const struct job *job, const struct source *source,
                                const struct record *record)
{
    if (!source_same(source, record_identity(record)))
        return "changed since its upload began";
    if (strcmp(record_protocol(record), job->put->options->protocol->name) != 0)
        return "its upload was begun by another protocol";
    return NULL;
}

/* 0, also where no record can be kept; RECORD_BUSY; or -errno, and it is said. */
static int put_open_record(const struct job *job, const struct source *source,
                           struct record **ret_record)
{
    if (source->path == NULL)
        return 0;
    int r = record_open(source->path, job->session->address.url, ret_record);
    if (r < 0) {
        say_note("%s: a later run will not be able to go on with this upload", source->name);
        return 0;
    }
    if (r != 0)
        return r;

    const char *obstacle =
        record_begun(*ret_record) ? put_obstacle(job, source, *ret_record) : NULL;
    if (obstacle != NULL) {
        say_note("%s: %s; starting anew", source->name, obstacle);
        r = record_forget(*ret_record);
    }
    if (r == 0 && !record_begun(*ret_record))
        r = record_begin(*ret_record, job->put->options->protocol->name, &source->identity,
                         parts_count(source->size, job->put->parallel));
    return r;
}

static uint64_t put_chunk_bytes(const struct options *options)
{
    if (options->chunk_size > 0)
        return options->chunk_size;
    return options->checksum == DIGEST_NONE ? INT64_MAX : PUT_CHECKED_CHUNK_BYTES;
}

/* Says how it has ended, and keeps the record where that helps. */
static void put_conclude(struct job *job, struct record *record, enum outcome outcome,
                         const char *reason)
{
    if (outcome == OUTCOME_OK && record != NULL)
        (void)record_forget(record); /* a record that stays finds its upload complete: no harm */
    if (outcome == OUTCOME_OK)
        report_complete(&job->report);
    else
        ending_say(&job->report, outcome, reason, record != NULL && record_begun(record));
}

static enum outcome put_send_parts(struct job *job, const struct sending *whole)
{
    struct parts parts = {
        .whole = whole,
        .session = job->session,
        .count = record_part_count(whole->record),
    };

    enum outcome outcome = parts_run(&parts);
    put_conclude(job, whole->record, outcome, parts.answer.reason);
    parts_done(&parts);
    return outcome;
}

static enum outcome put_send_whole(struct job *job, struct sending *sending)
{
    enum outcome outcome = sending_run(sending);

    put_conclude(job, sending->record, outcome, sending->answer.reason);
    sending_done(sending);
    return outcome;
}

/* In as many parts as the record has; without one, as a whole. */
static enum outcome put_send(struct job *job, struct source *source, struct record *record,
                             const struct metadata *metadata)
{
    const struct options *options = job->put->options;
    uint64_t length = 0;
    struct sending sending = {
        .protocol = options->protocol,
        .transfer = job->session->transfer,
        .source = source,
        .record = record,
        .report = &job->report,
        .endpoint = job->session->address.url,
        .metadata = metadata,
        .chunk_bytes = put_chunk_bytes(options),
        .checking = job->put->checking,
        .digest_wanted = !options->no_digest,
        .backoff = session_backoff(job->session),
    };

    if (source->spool != NULL && sending.chunk_bytes > PUT_SPOOL_CHUNK_BYTES)
        sending.chunk_bytes = PUT_SPOOL_CHUNK_BYTES;
    report_begin(&job->report, source->given, source->name);
    if (source_length(source, &length))
        report_length(&job->report, length);
    if (record != NULL && record_part_count(record) > 1)
        return put_send_parts(job, &sending);
    return put_send_whole(job, &sending);
}

static enum outcome put_one(struct job *job, const struct file *file)
{
    CLEANUP(source_closep) struct source *source = NULL;
    CLEANUP(record_closep) struct record *record = NULL;
    CLEANUP(metadata_done) struct metadata metadata = { 0 };

    report_expect(&job->report, file->size);
    int r = strcmp(file->path, "-") == 0 ? source_open_input(PUT_SPOOL_BYTES, &source)
                                         : source_open(file->path, &source);
    if (r != 0 || !put_metadata(job->put->options, file, source, &metadata)) {
        report_skipped(&job->report, file->path, "see standard error");
        return OUTCOME_BROKEN;
    }
    r = put_open_record(job, source, &record);
    if (r > 0)
        say_error("%s: another ferry is uploading this file to the same place", source->name);
    if (r != 0) {
        report_skipped(&job->report, file->path,
                       r > 0 ? "another ferry is uploading it" : "see standard error");
        return OUTCOME_BROKEN;
    }
    return put_send(job, source, record, &metadata);
}

static void put_note_failure(struct put *put)
{
    (void)pthread_mutex_lock(&put->mutex);
    put->status = 1;
    (void)pthread_mutex_unlock(&put->mutex);
}

/* NULL when every file has had its turn. */
static const struct file *put_next(struct put *put)
{
    (void)pthread_mutex_lock(&put->mutex);
    const struct file *file = put->next < put->files.count ? &put->files.files[put->next++] : NULL;
    (void)pthread_mutex_unlock(&put->mutex);
    return file;
}

/* Every file has its turn, also after another failed; not after a signal. */
static void job_run(struct job *job)
{
    const struct file *file = NULL;
    enum outcome outcome = OUTCOME_OK;

    while (outcome != OUTCOME_STOPPED && (file = put_next(job->put)) != NULL) {
        outcome = put_one(job, file);
        if (outcome != OUTCOME_OK)
            put_note_failure(job->put);
    }
    if (job->report.broken) {
        say_error("standard output could not be written");
        put_note_failure(job->put);
    }
}

static void put_work(struct put *put, struct session *session)
{
    const struct options *options = put->options;
    struct job job = { .put = put, .session = session };

    report_start(&job.report, options->json, options->quiet);
    if (options->jobs > 1 && !options->json && !options->quiet)
        report_share(&job.report, &put->board);
    job_run(&job);
}

static int put_open(struct put *put, struct session *ret_session)
{
    return session_open(put->options, &put->pace,
                        "the last operand must be the http or https URL of an upload endpoint",
                        ret_session);
}

static void *put_start_thread(void *context)
{
    CLEANUP(session_close) struct session session = { 0 };
    struct put *put = context;

    text_start_thread();
    if (put_open(put, &session) == 0)
        put_work(put, &session);
    else
        put_note_failure(put);
    return NULL;
}

/* This thread is one of them, with the session that is open. */
static void put_run_jobs(struct put *put, struct session *session)
{
    pthread_t threads[OPTIONS_JOBS_MAX];
    size_t wanted = put->options->jobs < put->files.count ? put->options->jobs : put->files.count;
    size_t count = 0;

    while (count + 1 < wanted && pthread_create(&threads[count], NULL, put_start_thread, put) == 0)
        count++;
    put_work(put, session);
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
}

/* How the server takes checksums. */
static enum outcome put_choose_checking(struct put *put, struct session *session,
                                        struct answer *answer)
{
    const struct options *options = put->options;

    if (options->checksum == DIGEST_NONE)
        return OUTCOME_OK;
    return options->protocol->check(session->transfer, session->address.url, options->checksum,
                                    &put->checking, answer);
}

/* Whether it joins parts. Where it does not, files go as they are. */
static enum outcome put_choose_parts(struct put *put, struct session *session,
                                     struct answer *answer)
{
    const struct options *options = put->options;
    enum outcome outcome = OUTCOME_OK;

    put->parallel = (size_t)options->parallel;
    if (options->parallel > 1)
        outcome = options->protocol->joins(session->transfer, session->address.url, answer);
    if (outcome != OUTCOME_REFUSED && outcome != OUTCOME_GONE)
        return outcome;
    say_note("%s: %s; one upload for each file", session->address.url, answer->reason);
    put->parallel = 1;
    return OUTCOME_OK;
}

/* What has to be known of the server before. False when it does not tell, and it is said. */
static bool put_choose(struct put *put, struct session *session)
{
    const char *url = session->address.url;
    struct backoff backoff = session_backoff(session);
    struct answer answer = { 0 };
    enum outcome outcome;

    do {
        outcome = put_choose_checking(put, session, &answer);
        if (outcome == OUTCOME_OK)
            outcome = put_choose_parts(put, session, &answer);
    } while (outcome == OUTCOME_RETRY &&
             (outcome = retry_wait(&backoff, &answer, NULL, url)) == OUTCOME_OK);
    if (outcome != OUTCOME_OK)
        say_error("%s: %s", url, outcome == OUTCOME_STOPPED ? "stopped" : answer.reason);
    return outcome == OUTCOME_OK;
}

int put(const struct options *options)
{
    CLEANUP(session_close) struct session session = { 0 };
    struct put put = {
        .options = options,
        .pace = { .bytes_per_s = options->limit_rate },
        .mutex = PTHREAD_MUTEX_INITIALIZER,
    };

    int r = put_open(&put, &session);
    if (r != 0)
        return r;
    if (!put_choose(&put, &session))
        return 1;
    for (size_t i = 0; i < options->operand_count; i++)
        files_add(&put.files, options->operands[i], options->recursive);
    board_start(&put.board, &put.files);
    put.status = put.files.failed ? 1 : 0;
    put_run_jobs(&put, &session);
    files_done(&put.files);
    return put.status;
}
