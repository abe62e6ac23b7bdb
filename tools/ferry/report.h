#pragma once

/*
 * Reports: what the user, or a program, is told about an upload or a download
 *
 * On a terminal a bar; elsewhere a line now and then; with --json one object per line on standard
 * output (see README.md); with --quiet nothing but errors. The URL of a complete upload, and
 * the name of a complete download, goes to standard output in any case.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/ferry/board.h"
#include "tools/ferry/progress.h"

struct report {
    bool json, quiet;
    bool broken; /* standard output could not take what it was given */
    bool bar;
    const char *file;   /* as the user wrote it, borrowed */
    const char *upload; /* its URL, borrowed; NULL until it is known */
    const char *result; /* what standard output is told at the end, borrowed; NULL: nothing */
    bool download;
    struct progress progress;
    struct board *board; /* where several go on at a time; NULL: this report has the last line */
    uint64_t expected;   /* bytes that the board expects of the file */
    uint64_t sent;       /* bytes that left, or came, over all tries */
    uint64_t next_ms;    /* when the next progress is due */
    uint64_t began_ms, began_offset;

    /* Several parts are one upload. */
    struct report *whole; /* of a part, borrowed */
    bool resumes;         /* a part that an earlier run has begun, and has not told how far it is */
    size_t resuming_count; /* of the whole: such parts */
    pthread_mutex_t mutex; /* guards the whole against its parts */
};

void report_start(struct report *report, bool json, bool quiet);

/* Others go on at the same time: the board shows them all. It is borrowed. */
void report_share(struct report *report, struct board *board);

/* A new file, as the user wrote it, and the same clean for a terminal; both are borrowed. */
void report_begin(struct report *report, const char *file, const char *name);

/*
 * A part of what report_begin() was said of, which may report in a thread of its own: its bytes are
 * bytes of the whole, and its URL is nobody's business. resumes: an earlier run has begun it.
 */
void report_part(struct report *report, struct report *whole, bool resumes);

/* So many bytes of it stand in the board's sum. */
void report_expect(struct report *report, uint64_t count);

/* A file that cannot even be begun with; the reason is for --json. */
void report_skipped(struct report *report, const char *file, const char *reason);

/* There is no upload: the last one is given up. */
void report_forget(struct report *report);

/* The upload was created, or another run's is gone on with at this offset. */
void report_created(struct report *report, const char *upload);
void report_resumed(struct report *report, const char *upload, uint64_t offset);

/* Somebody else's upload is watched, from this offset on: that is no event. */
void report_watch(struct report *report, const char *upload, uint64_t offset);

/* Says that it goes on at this offset, with what was done before. */
void report_goes_on(struct report *report, uint64_t offset);

/* Nobody sends it any more, for now. */
void report_stalled(struct report *report);

/* The download has begun, now that the file's name is known: from 0 or with what is there. */
void report_started(struct report *report, const char *file, const char *name, uint64_t offset);

/* Shows the offset, sent bytes included, when it is time to. */
void report_moved(struct report *report, uint64_t offset);

/* The length is known now. */
void report_length(struct report *report, uint64_t length);

/* Something failed; the next try is in so many milliseconds. */
void report_retry(struct report *report, const char *reason, uint64_t wait_ms);

/* The server has it all. */
void report_complete(struct report *report);

/* It has not. The sentence is said unless it is NULL; the reason is for --json. */
void report_failed(struct report *report, const char *sentence, const char *reason);
