#include "tools/ferry/put.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/ending.h"
#include "tools/ferry/filetype.h"
#include "tools/ferry/record.h"
#include "tools/ferry/report.h"
#include "tools/ferry/say.h"
#include "tools/ferry/sending.h"
#include "tools/ferry/session.h"
#include "tools/ferry/source.h"

enum {
    PUT_SPOOL_BYTES = 16 * 1024 * 1024, /* of standard input, in memory */
    /* One PATCH carries half of that at most: the other half is filled meanwhile. */
    PUT_SPOOL_CHUNK_BYTES = PUT_SPOOL_BYTES / 2,
};

struct put {
    struct options *options;
    struct session *session;
    struct report report;
};

/* A copy of the user's pairs with filename and filetype, unless the user gave them. */
static char *put_metadata(const struct options *options, const struct source *source)
{
    struct metadata metadata = { 0 };
    bool complete = true;

    if (source->path != NULL) {
        const char *name = strrchr(source->given, '/');
        name = name == NULL ? source->given : name + 1;
        complete &= metadata_set(&metadata, "filename", name);
        complete &= metadata_set(&metadata, "filetype", filetype_of(name));
    }
    for (size_t i = 0; i < options->metadata.count; i++)
        complete &= metadata_set(&metadata, options->metadata.pairs[i].key,
                                 options->metadata.pairs[i].value);
    char *header = complete ? metadata_format(&metadata) : NULL;
    metadata_done(&metadata);
    if (header == NULL)
        say_error("%s: the metadata is too long for a request", source->name);
    return header;
}

/* 0, also where no record can be kept; RECORD_BUSY; or -errno, and it is said. */
static int put_open_record(const struct put *put, const struct source *source,
                           struct record **ret_record)
{
    if (source->path == NULL)
        return 0;
    int r = record_open(source->path, put->session->address.url, ret_record);
    if (r < 0) {
        say_note("%s: a later run will not be able to go on with this upload", source->name);
        return 0;
    }
    if (r != 0)
        return r;

    if (record_upload(*ret_record) != NULL && !source_same(source, record_identity(*ret_record))) {
        say_note("%s: changed since its upload began; starting anew", source->name);
        return record_forget(*ret_record);
    }
    return 0;
}

static enum outcome put_send(struct put *put, struct source *source, struct record *record,
                             const char *metadata)
{
    const struct options *options = put->options;
    uint64_t length = 0;
    struct sending sending = {
        .transfer = put->session->transfer,
        .source = source,
        .record = record,
        .report = &put->report,
        .endpoint = put->session->address.url,
        .metadata = *metadata == '\0' ? NULL : metadata,
        .chunk_bytes = options->chunk_size > 0 ? options->chunk_size : INT64_MAX,
        .backoff = session_backoff(put->session),
    };

    if (source->spool != NULL && sending.chunk_bytes > PUT_SPOOL_CHUNK_BYTES)
        sending.chunk_bytes = PUT_SPOOL_CHUNK_BYTES;
    report_begin(&put->report, source->given, source->name);
    if (source_length(source, &length))
        report_length(&put->report, length);
    enum outcome outcome = sending_run(&sending);
    if (outcome == OUTCOME_OK && record != NULL)
        (void)record_forget(record); /* a record that stays finds its upload complete: no harm */
    if (outcome == OUTCOME_OK)
        report_complete(&put->report);
    else
        ending_say(&put->report, outcome, sending.answer.reason,
                   record != NULL && record_upload(record) != NULL);
    sending_done(&sending);
    return outcome;
}

static enum outcome put_one(struct put *put, const char *file)
{
    CLEANUP(source_closep) struct source *source = NULL;
    CLEANUP(record_closep) struct record *record = NULL;
    AUTO_FREE char *metadata = NULL;

    int r = strcmp(file, "-") == 0 ? source_open_input(PUT_SPOOL_BYTES, &source)
                                   : source_open(file, &source);
    if (r == 0)
        metadata = put_metadata(put->options, source);
    if (metadata == NULL) {
        report_skipped(&put->report, file, "see standard error");
        return OUTCOME_BROKEN;
    }
    r = put_open_record(put, source, &record);
    if (r > 0)
        say_error("%s: another ferry is uploading this file to the same place", source->name);
    if (r != 0) {
        report_skipped(&put->report, file,
                       r > 0 ? "another ferry is uploading it" : "see standard error");
        return OUTCOME_BROKEN;
    }
    return put_send(put, source, record, metadata);
}

/* Every file has its turn, also after another failed; not after a signal. */
static int put_all(struct put *put)
{
    const struct options *options = put->options;
    int status = 0;

    for (size_t i = 0; i < options->operand_count; i++) {
        enum outcome outcome = put_one(put, options->operands[i]);
        if (outcome != OUTCOME_OK)
            status = 1;
        if (outcome == OUTCOME_STOPPED)
            break;
    }
    if (put->report.broken) {
        say_error("standard output could not be written");
        status = 1;
    }
    return status;
}

int put(struct options *options)
{
    CLEANUP(session_close) struct session session = { 0 };
    int r = session_open(
        options, "the last operand must be the http or https URL of an upload endpoint", &session);
    if (r != 0)
        return r;

    struct put put = { .options = options, .session = &session };
    report_start(&put.report, options->json, options->quiet);
    return put_all(&put);
}
