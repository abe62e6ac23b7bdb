#pragma once

/*
 * A line of the log, from its parts to its bytes: for base/log.c
 *
 * Whatever the parts are made of, what comes out is one line: text in which no value can pass for a
 * second one, or one JSON object that is valid, also when something had to be cut.
 *
 *   Source   RFC 8259 (JSON), RFC 3339 (the time in it)
 */

#include <stddef.h>
#include <time.h>

#include "base/log.h"

/* How a line goes out. */
enum log_shape {
    LOG_SHAPE_JOURNAL,  /* "<6>upload: appended" */
    LOG_SHAPE_TERMINAL, /* "12:30:01.250 info upload: appended" */
    LOG_SHAPE_JSON,     /* {"time":"...","level":"info","module":"upload","message":"appended"} */
};

const char *log_level_name(enum log_level level);

/*
 * The line with its line feed; its length is the result. message: a sentence that is ready, or NULL;
 * behind it come the fields.
 */
size_t log_line_format(char text[static LOG_LINE_BYTES], enum log_shape shape, struct timespec now,
                       enum log_level level, const char *module, const char *message,
                       const struct log_field *fields, size_t count);
