#include "tools/ferry/get.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/ending.h"
#include "tools/ferry/fetching.h"
#include "tools/ferry/say.h"
#include "tools/ferry/session.h"
#include "tools/ferry/text.h"

/* The real path that the output will have; with a slash at its end where the server names it. */
static char *output_real_path(const char *output)
{
    AUTO_FREE char *folder = strdup(output == NULL ? "" : output);
    char *path = NULL;

    if (folder == NULL)
        return NULL;
    char *slash = strrchr(folder, '/');
    const char *name = slash == NULL ? folder : slash + 1;
    AUTO_FREE char *above =
        slash == NULL ? strdup(".") : strndup(folder, (size_t)(slash - folder) + 1);
    AUTO_FREE char *real = above == NULL ? NULL : realpath(above, NULL);
    if (real == NULL || asprintf(&path, "%s/%s", real, name) < 0)
        return NULL;
    return path;
}

/* 0, also where no record can be kept; RECORD_BUSY; or -errno, and it is said. */
static int get_open_record(const struct options *options, const char *url,
                           struct record **ret_record)
{
    AUTO_FREE char *path = NULL;

    if (options->output != NULL && strcmp(options->output, "-") == 0)
        return 0;
    path = output_real_path(options->output);
    if (path == NULL)
        return say_errno("%s: its folder", options->output == NULL ? "." : options->output);
    int r = record_open(path, url, ret_record);
    if (r >= 0)
        return r;
    say_note("%s: a later run will not be able to go on with this download", url);
    return 0;
}

/* The exit status; says all there is to say. */
static int get_fetch(const struct options *options, struct session *session, struct record *record)
{
    const char *url = session->address.url;
    size_t size = strlen(url) + 1;
    AUTO_FREE char *name = malloc(size);
    CLEANUP(fetching_done) struct fetching fetching = { 0 };
    struct report report;

    if (name == NULL)
        return 1;
    text_clean(url, size, name);
    report_start(&report, options->json, options->quiet);
    report.download = true;
    report_begin(&report, options->output, name);
    report.upload = url;
    fetching = (struct fetching){
        .transfer = session->transfer,
        .report = &report,
        .record = record,
        .url = url,
        .output = options->output,
        .force = options->force,
        .digest_wanted = !options->no_digest,
        .backoff = session_backoff(session),
    };

    enum outcome outcome = fetching_run(&fetching);
    if (outcome == OUTCOME_OK) {
        report.result = fetching.sink->path;
        report_length(&report, fetching.sink->offset);
        report_complete(&report);
        if (report.broken)
            say_error("standard output could not be written");
        return report.broken ? 1 : 0;
    }
    bool resumable = fetching_resumable(&fetching);
    ending_say(&report, outcome, fetching.answer.reason, resumable);
    if (!resumable && fetching.sink != NULL)
        sink_discard(fetching.sink);
    if (!resumable && record != NULL)
        (void)record_forget(record);
    return 1;
}

int get(const struct options *options)
{
    CLEANUP(session_close) struct session session = { 0 };
    CLEANUP(record_closep) struct record *record = NULL;
    struct pace pace = { .bytes_per_s = options->limit_rate };
    int r = session_open(options, &pace, "the http or https URL of a file is wanted", &session);
    if (r != 0)
        return r;

    r = get_open_record(options, session.address.url, &record);
    if (r > 0)
        say_error("%s: another ferry is downloading it to the same place", session.address.url);
    if (r != 0)
        return 1;
    return get_fetch(options, &session, record);
}
