/*
 * Invariants, all under log_state.mutex:
 *
 *   1. pending holds whole lines only, in the order of the calls.
 *   2. The thread owns the other buffer while writing is true, nobody while it is false.
 *   3. A line that finds no room is counted in dropped; the count is told before the next line
 *      that is written.
 *   4. Once lost, nobody but the thread that is stuck in it touches standard error.
 *   5. The thread sleeps until there is a line, or rests after it has written. It is woken once for the
 *      first line, out of its rest only when there is no time or little room left: waking a thread costs as
 *      much as all else that is done for a line.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_line.h"

enum {
    LOG_BUFFER_BYTES = 256 * 1024,
    LOG_REST_MS = 5
};

static struct {
    atomic_int level, format;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* of anything below */
    pthread_t thread;
    bool started, stopping, writing, lost;
    bool sleeping; /* the thread, until the first line wakes it */
    bool hurried;  /* somebody waits for what is pending */
    unsigned long dropped;
    size_t pending_count;
    char *pending;
    char buffers[2][LOG_BUFFER_BYTES];
} log_state = {
    .level = LOG_LEVEL_INFO,
    .format = LOG_FORMAT_TEXT,
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
    .pending = log_state.buffers[0],
};

int log_level_parse(const char *name, enum log_level *ret_level)
{
    static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
                                             LOG_LEVEL_DEBUG };

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(name, log_level_name(levels[i])) == 0) {
            *ret_level = levels[i];
            return 0;
        }
    return -1;
}

void log_set_level(enum log_level level)
{
    atomic_store(&log_state.level, level);
}

int log_format_parse(const char *name, enum log_format *ret_format)
{
    if (strcmp(name, "text") != 0 && strcmp(name, "json") != 0)
        return -1;
    *ret_format = strcmp(name, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    return 0;
}

void log_set_format(enum log_format format)
{
    atomic_store(&log_state.format, format);
}

static void log_output(const char *text, size_t count)
{
    while (count > 0) {
        ssize_t written = write(STDERR_FILENO, text, count);
        if (written < 0 && errno == EAGAIN) {
            struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
            (void)poll(&room, 1, -1);
        }
        if (written < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (written <= 0)
            return; /* nobody is left to be told */
        text += written;
        count -= (size_t)written;
    }
}

static enum log_shape log_shape(void)
{
    static atomic_int terminal = -1;

    if (atomic_load(&log_state.format) == LOG_FORMAT_JSON)
        return LOG_SHAPE_JSON;
    if (atomic_load(&terminal) < 0)
        atomic_store(&terminal, isatty(STDERR_FILENO));
    return atomic_load(&terminal) ? LOG_SHAPE_TERMINAL : LOG_SHAPE_JOURNAL;
}

static size_t log_format(char line[static LOG_LINE_BYTES], enum log_level level, const char *module,
                         const char *message, const struct log_field *fields, size_t count)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return log_line_format(line, log_shape(), now, level, module, message, fields, count);
}

/* Copies the line for the writing thread. */
static void log_put(const char *line, size_t count)
{
    pthread_mutex_lock(&log_state.mutex);
    bool started = log_state.started;
    bool lost = log_state.lost;
    if (started && log_state.pending_count + count <= LOG_BUFFER_BYTES) {
        memcpy(log_state.pending + log_state.pending_count, line, count);
        log_state.pending_count += count;
        bool full = log_state.pending_count > LOG_BUFFER_BYTES / 2 && !log_state.hurried;
        if (log_state.sleeping || full) {
            log_state.sleeping = false;
            log_state.hurried = log_state.hurried || full;
            pthread_cond_broadcast(&log_state.changed);
        }
    } else if (started) {
        log_state.dropped++;
    }
    pthread_mutex_unlock(&log_state.mutex);

    if (!started && !lost)
        log_output(line, count);
}

static bool log_wanted(enum log_level level)
{
    return level <= (enum log_level)atomic_load(&log_state.level);
}

void log_write(enum log_level level, const char *module, const char *format, ...)
{
    char message[LOG_LINE_BYTES], line[LOG_LINE_BYTES];
    va_list arguments;

    if (!log_wanted(level))
        return;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    log_put(line, log_format(line, level, module, message, NULL, 0));
}

void log_event(enum log_level level, const char *module, const struct log_field *fields,
               size_t count)
{
    char line[LOG_LINE_BYTES];

    if (log_wanted(level))
        log_put(line, log_format(line, level, module, NULL, fields, count));
}

/* Called and returns with the mutex held; lets go of it while it writes. */
static void log_write_pending(void)
{
    char *text = log_state.pending;
    size_t count = log_state.pending_count;
    unsigned long dropped = log_state.dropped;

    log_state.pending = text == log_state.buffers[0] ? log_state.buffers[1] : log_state.buffers[0];
    log_state.pending_count = 0;
    log_state.dropped = 0;
    log_state.hurried = false;
    log_state.writing = true;
    pthread_mutex_unlock(&log_state.mutex);

    log_output(text, count);
    if (dropped > 0) {
        char line[LOG_LINE_BYTES];
        char message[96];
        (void)snprintf(message, sizeof(message), "standard error is too slow lines_left_out=%lu",
                       dropped);
        log_output(line, log_format(line, LOG_LEVEL_WARNING, "log", message, NULL, 0));
    }

    pthread_mutex_lock(&log_state.mutex);
    log_state.writing = false;
    pthread_cond_broadcast(&log_state.changed);
}

/* Until there is a line. With the mutex held. */
static void log_sleep(void)
{
    log_state.sleeping = true;
    while (log_state.pending_count == 0 && !log_state.stopping)
        pthread_cond_wait(&log_state.changed, &log_state.mutex);
    log_state.sleeping = false;
}

/* While lines gather. With the mutex held. */
static void log_rest(void)
{
    uint64_t until_ns = clock_monotonic_ns() + LOG_REST_MS * 1000000ULL;
    struct timespec until = { .tv_sec = (time_t)(until_ns / 1000000000),
                              .tv_nsec = (long)(until_ns % 1000000000) };
    int code = 0;

    while (code == 0 && !log_state.stopping && !log_state.hurried)
        code =
            pthread_cond_clockwait(&log_state.changed, &log_state.mutex, CLOCK_MONOTONIC, &until);
}

static void *log_run(void *argument)
{
    (void)argument;
    (void)pthread_setname_np(pthread_self(), "ferry-log");
    pthread_mutex_lock(&log_state.mutex);
    while (!log_state.stopping || log_state.pending_count > 0) {
        log_sleep();
        if (log_state.pending_count > 0)
            log_write_pending();
        log_rest();
    }
    log_state.started = false;
    pthread_mutex_unlock(&log_state.mutex);
    return NULL;
}

int log_start(void)
{
    tzset(); /* reads a file: here, not at the first line of a loop thread */

    pthread_mutex_lock(&log_state.mutex);
    log_state.stopping = false;
    int code = pthread_create(&log_state.thread, NULL, log_run, NULL);
    log_state.started = code == 0;
    pthread_mutex_unlock(&log_state.mutex);
    return -code;
}

/* Until all is written or a second is over; true: it is. With the mutex held. */
static bool log_wait_written(void)
{
    struct timespec deadline;
    int code = 0;

    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    log_state.hurried = true;
    pthread_cond_broadcast(&log_state.changed);
    while (code == 0 && log_state.started && (log_state.pending_count > 0 || log_state.writing))
        code = pthread_cond_timedwait(&log_state.changed, &log_state.mutex, &deadline);
    return code == 0;
}

void log_stop(void)
{
    pthread_mutex_lock(&log_state.mutex);
    bool started = log_state.started;
    log_state.stopping = true;
    bool written = log_wait_written();
    if (!written) {
        log_state.started = false;
        log_state.lost = true;
    }
    pthread_mutex_unlock(&log_state.mutex);

    if (started && written)
        (void)pthread_join(log_state.thread, NULL);
    else if (started)
        (void)pthread_detach(log_state.thread);
}

void log_flush(void)
{
    pthread_mutex_lock(&log_state.mutex);
    (void)log_wait_written();
    pthread_mutex_unlock(&log_state.mutex);
}
