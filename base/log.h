#pragma once

/*
 * Log
 *
 * One line per event on standard error: a sentence, then key=value pairs.
 *
 *     #define LOG_MODULE "upload"
 *     log_info("appended id=%s offset=%" PRIu64 " ms=%u", ...);
 *
 *   error    someone must act
 *   warning  the server degraded
 *   info     one line per exchange when it ends, start and stop of the server
 *   debug    the protocol, step by step
 *
 *   Shape    "<4>upload: sentence" with the prefix that journald understands; on a terminal the
 *            time and the level in words instead; or one JSON object per line
 *   Threads  any. Between log_start() and log_stop() a thread of the log's own does the writing:
 *            logging copies the line and never waits for standard error. Lines that follow one another
 *            closely go out together, some milliseconds later. When standard error is slower than
 *            the server for long, lines are left out, and one line says how many.
 *   Bounds   a line is cut after LOG_LINE_BYTES, and an object is valid all the same; control
 *            characters in a sentence become '?' in text
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

enum {
    LOG_LINE_BYTES = 2048
};

/* Lines above this level are left out. Info until it is called. */
void log_set_level(enum log_level level);

/* "error", "warning", "info" or "debug" to the level; 0 or -1. */
int log_level_parse(const char *name, enum log_level *ret_level);

enum log_format {
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON,
};

/* Text until it is called. */
void log_set_format(enum log_format format);

/* "text" or "json" to the format; 0 or -1. */
int log_format_parse(const char *name, enum log_format *ret_format);

/* Starts the writing thread: 0 or -errno. Before it and after log_stop(), lines go out directly. */
int log_start(void);

/* Writes what is left and ends the thread; a standard error that takes nothing for a second loses it, and
 * all that is logged after it. */
void log_stop(void);

/* Waits until what was logged is written, a second at most. */
void log_flush(void);

__attribute__((format(printf, 3, 4))) void log_write(enum log_level level, const char *module,
                                                     const char *format, ...);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, LOG_MODULE, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, LOG_MODULE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, LOG_MODULE, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, LOG_MODULE, __VA_ARGS__)

/* --- lines made of values --- */

enum log_field_kind {
    LOG_FIELD_NUMBER,
    LOG_FIELD_MS,   /* number is in nanoseconds, and written in milliseconds: 31.204 */
    LOG_FIELD_TEXT, /* left out where there is none: its data is NULL */
};

struct log_field {
    const char *name; /* lower case and underscores */
    enum log_field_kind kind;
    bool bare; /* in text, the value alone: the words that a line begins with */
    uint64_t number;
    struct bytes text; /* anything at all: it is escaped, and cut when it is long */
};

/* A line of name=value, or an object of them. Nothing in a value can pass for another field, or for a line. */
void log_event(enum log_level level, const char *module, const struct log_field *fields,
               size_t count);
