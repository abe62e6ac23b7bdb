#include "tools/ferry/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tools/ferry/json.h"
#include "tools/ferry/say.h"
#include "tools/ferry/size.h"

enum {
    REPORT_BAR_MS = 100,
    REPORT_JSON_MS = 1000,
    REPORT_LINE_MS = 10 * 1000,
};

void report_start(struct report *report, bool json, bool quiet)
{
    *report = (struct report){
        .json = json,
        .quiet = quiet,
        .bar = !json && !quiet && say_on_terminal(),
        .mutex = PTHREAD_MUTEX_INITIALIZER,
    };
}

void report_share(struct report *report, struct board *board)
{
    report->board = board;
    report->bar = false;
}

void report_expect(struct report *report, uint64_t count)
{
    report->expected = count;
}

static uint64_t report_interval(const struct report *report)
{
    return report->bar ? REPORT_BAR_MS : report->json ? REPORT_JSON_MS : REPORT_LINE_MS;
}

void report_begin(struct report *report, const char *file, const char *name)
{
    uint64_t now_ms = clock_monotonic_ms();

    report->file = file;
    report->progress = (struct progress){ .name = name };
    progress_restart(&report->progress, now_ms, 0);
    report->upload = report->result = NULL;
    report->sent = 0;
    report->began_ms = now_ms;
    report->began_offset = 0;
    report->next_ms = now_ms + report_interval(report);
}

/* Writes an event with what all events have; takes the object, which may be NULL. */
static void report_event(struct report *report, const char *event, json_t *more)
{
    const struct progress *progress = &report->progress;
    json_t *object = json_object();

    json_set_text(object, "event", event);
    json_set_text(object, "file", report->file);
    json_set_text(object, "upload", report->upload);
    json_set_number(object, "offset", progress->offset);
    if (progress->length_known)
        json_set_number(object, "length", progress->length);
    else
        json_set_text(object, "length", NULL);
    if (more != NULL)
        (void)json_object_update(object, more);
    json_decref(more);
    if (!json_print(object))
        report->broken = true;
}

static void report_draw(struct report *report)
{
    char line[PROGRESS_LINE_BYTES];

    progress_format(&report->progress, say_bar_columns(), line);
    say_bar(line);
}

void report_goes_on(struct report *report, uint64_t offset)
{
    char text[SIZE_TEXT_BYTES];

    size_format(offset, text);
    if (report->json) {
        json_t *more = json_object();
        json_set_number(more, "offset", offset);
        report_event(report, "resumed", more);
    } else {
        say_note("%s: goes on at %s", report->progress.name, text);
    }
}

/* So much of it was there already: no speed. */
static void report_found(struct report *report, uint64_t offset)
{
    report->began_offset += offset;
    report->progress.offset += offset;
    report->progress.measured_offset += offset;
    if (report->board != NULL)
        board_found(report->board, offset);
}

static void report_restart(struct report *report, uint64_t offset)
{
    report->began_offset = 0;
    progress_restart(&report->progress, clock_monotonic_ms(), 0);
    report_found(report, offset);
    report_goes_on(report, offset);
}

void report_part(struct report *report, struct report *whole, bool resumes)
{
    *report = (struct report){ .whole = whole, .resumes = resumes };
    whole->resuming_count += resumes;
}

/* A part has begun, or goes on. The whole goes on when the last of those has told how far it is. */
static void report_part_begun(struct report *report, uint64_t offset)
{
    struct report *whole = report->whole;

    (void)pthread_mutex_lock(&whole->mutex);
    report_moved(whole, whole->progress.offset - report->progress.offset); /* begun anew */
    report_found(whole, offset);
    report->progress.offset = offset;
    if (report->resumes && --whole->resuming_count == 0 && whole->began_offset > 0)
        report_goes_on(whole, whole->began_offset);
    report->resumes = false;
    (void)pthread_mutex_unlock(&whole->mutex);
}

void report_forget(struct report *report)
{
    report->upload = report->result = NULL;
}

void report_created(struct report *report, const char *upload)
{
    if (report->whole != NULL) {
        report_part_begun(report, 0);
        return;
    }
    report->upload = report->result = upload;
    if (report->json)
        report_event(report, "created", NULL);
}

void report_resumed(struct report *report, const char *upload, uint64_t offset)
{
    if (report->whole != NULL) {
        report_part_begun(report, offset);
        return;
    }
    report->upload = report->result = upload;
    report_restart(report, offset);
}

void report_watch(struct report *report, const char *upload, uint64_t offset)
{
    report->upload = report->result = upload;
    report->began_offset = offset;
    progress_restart(&report->progress, clock_monotonic_ms(), offset);
    report->next_ms = 0;
}

void report_stalled(struct report *report)
{
    char text[SIZE_TEXT_BYTES];

    report->progress.bytes_per_s = 0;
    size_format(report->progress.offset, text);
    if (report->json)
        report_event(report, "stalled", NULL);
    else
        say_note("%s: nobody is sending it, it stands at %s", report->progress.name, text);
}

void report_started(struct report *report, const char *file, const char *name, uint64_t offset)
{
    report->file = file;
    report->progress.name = name;
    if (offset > 0) {
        report_restart(report, offset);
    } else if (report->json) {
        report_event(report, "started", NULL);
    }
}

static void report_part_moved(struct report *report, uint64_t offset)
{
    struct report *whole = report->whole;

    (void)pthread_mutex_lock(&whole->mutex);
    report_moved(whole, whole->progress.offset - report->progress.offset + offset);
    report->progress.offset = offset;
    (void)pthread_mutex_unlock(&whole->mutex);
}

void report_moved(struct report *report, uint64_t offset)
{
    if (report->whole != NULL) {
        report_part_moved(report, offset);
        return;
    }

    char line[PROGRESS_LINE_BYTES];
    uint64_t now_ms = clock_monotonic_ms();

    if (report->board != NULL)
        board_moved(report->board, report->progress.offset, offset);
    progress_update(&report->progress, now_ms, offset);
    if (report->quiet || now_ms < report->next_ms || (report->board != NULL && !report->json))
        return;

    report->next_ms = now_ms + report_interval(report);
    if (report->json) {
        json_t *more = json_object();
        json_set_number(more, "rate", (uint64_t)report->progress.bytes_per_s);
        report_event(report, "progress", more);
    } else if (report->bar) {
        report_draw(report);
    } else {
        progress_format(&report->progress, PROGRESS_PLAIN_COLUMNS, line);
        say_note("%s", line);
    }
}

void report_length(struct report *report, uint64_t length)
{
    report->progress.length_known = true;
    report->progress.length = length;
}

void report_retry(struct report *report, const char *reason, uint64_t wait_ms)
{
    if (report->whole != NULL) {
        (void)pthread_mutex_lock(&report->whole->mutex);
        report_retry(report->whole, reason, wait_ms);
        (void)pthread_mutex_unlock(&report->whole->mutex);
        return;
    }
    if (report->json) {
        json_t *more = json_object();
        json_set_text(more, "reason", reason);
        json_set_number(more, "wait_ms", wait_ms);
        report_event(report, "retry", more);
        return;
    }
    say_note("%s: %s; trying again in %" PRIu64 ".%" PRIu64 " s", report->progress.name, reason,
             wait_ms / 1000, wait_ms / 100 % 10);
}

/* "4.2 MiB in 0:03, 1.4 MiB/s" */
static void report_summarize(const struct report *report, char *text, size_t size)
{
    uint64_t passed_ms = clock_monotonic_ms() - report->began_ms;
    uint64_t count = report->progress.length - report->began_offset;
    char total[SIZE_TEXT_BYTES];
    char rate[SIZE_TEXT_BYTES];
    char taken[PROGRESS_TIME_BYTES];

    size_format(count, total);
    size_format((uint64_t)((double)count * 1000 / (double)(passed_ms + 1)), rate);
    progress_format_time(passed_ms / 1000, taken);
    (void)snprintf(text, size, "%s in %s, %s/s", total, taken, rate);
}

/* The board need not wait for this file any more. */
static void report_end(struct report *report)
{
    uint64_t there = report->progress.offset;

    if (report->board != NULL)
        board_ended(report->board, report->expected > there ? report->expected - there : 0);
}

void report_complete(struct report *report)
{
    char summary[128];

    if (report->board != NULL)
        board_moved(report->board, report->progress.offset, report->progress.length);
    progress_update(&report->progress, clock_monotonic_ms(), report->progress.length);
    report_end(report);
    if (report->json) {
        json_t *more = json_object();
        json_set_number(more, report->download ? "received" : "sent", report->sent);
        report_event(report, "complete", more);
        return;
    }

    report_summarize(report, summary, sizeof(summary));
    say_note("%s: complete, %s", report->progress.name, summary);
    if (report->result != NULL && (puts(report->result) < 0 || fflush(stdout) != 0))
        report->broken = true;
}

void report_failed(struct report *report, const char *sentence, const char *reason)
{
    say_bar(NULL);
    report_end(report);
    if (sentence != NULL)
        say_error("%s: %s", report->progress.name, sentence);
    if (report->json) {
        json_t *more = json_object();
        json_set_text(more, "reason", reason);
        report_event(report, "failed", more);
    }
}

void report_skipped(struct report *report, const char *file, const char *reason)
{
    report->file = file;
    report->upload = report->result = NULL;
    report->progress = (struct progress){ 0 };
    report_failed(report, NULL, reason);
}
