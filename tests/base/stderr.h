#pragma once

/*
 * Standard error into a pipe, for tests that read what was logged
 *
 * Calling sequence:  stderr_capture  ... log ...  stderr_captured
 */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/check.h"

struct stderr_capture {
    int saved, pipe;
};

static inline struct stderr_capture stderr_capture(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct stderr_capture capture = { .saved = dup(STDERR_FILENO), .pipe = ends[0] };
    assert_true(capture.saved >= 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(ends[1]), 0);
    return capture;
}

/* Gives standard error back; what was written to it, terminated, is in text afterwards. */
static inline size_t stderr_captured(struct stderr_capture capture, char *text, size_t room)
{
    assert_int_equal(dup2(capture.saved, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(capture.saved), 0);

    size_t count = 0;
    ssize_t got;
    while (count < room - 1 && (got = read(capture.pipe, text + count, room - 1 - count)) > 0)
        count += (size_t)got;
    text[count] = '\0';
    assert_int_equal(close(capture.pipe), 0);
    return count;
}
