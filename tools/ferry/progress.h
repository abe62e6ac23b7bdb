#pragma once

/*
 * Progress of one upload as a line of text
 *
 *     video.mp4   42% [===========>               ]  45.3 MiB of 107.0 MiB  5.2 MiB/s  0:12
 *
 * On a narrow terminal the bar goes first, then the name, the sizes, the rate and the time left.
 *
 *   Units  milliseconds of the monotonic clock; bytes
 *   Shape  values only
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROGRESS_LINE_BYTES = 1024,
    PROGRESS_TIME_BYTES = 16,
    PROGRESS_PLAIN_COLUMNS = 79, /* where there is no terminal */
};

struct progress {
    const char *name; /* clean, see text.h */
    uint64_t offset, length;
    bool length_known;
    double bytes_per_s; /* of late; 0: not known */
    uint64_t measured_ms, measured_offset;
};

/* Begins, or begins again where an upload goes on: what was there before is no speed. */
void progress_restart(struct progress *progress, uint64_t now_ms, uint64_t offset);
void progress_update(struct progress *progress, uint64_t now_ms, uint64_t offset);

/* Of 100; 100 only when everything is there. */
unsigned progress_percent(uint64_t offset, uint64_t length);

/* "0:07", "12:45", "3:10:00"; "4 d" for days. */
void progress_format_time(uint64_t seconds, char text[static PROGRESS_TIME_BYTES]);

/* The line, no wider than columns. */
void progress_format(const struct progress *progress, size_t columns,
                     char line[static PROGRESS_LINE_BYTES]);
