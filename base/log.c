/*
 * Invariants, all under log_state.mutex:
 *
 *   1. pending holds whole lines only, in the order of the calls.
 *   2. The thread owns the other buffer while writing is true, nobody while it is false.
 *   3. A line that finds no room is counted in dropped; the count is told before the next line
 *      that is written.
 *   4. Once lost, nobody but the thread that is stuck in it touches standard error.
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

enum {
    LOG_BUFFER_BYTES = 256 * 1024
};

static struct {
    atomic_int level;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* of anything below */
    pthread_t thread;
    bool started, stopping, writing, lost;
    unsigned long dropped;
    size_t pending_count;
    char *pending;
    char buffers[2][LOG_BUFFER_BYTES];
} log_state = {
    .level = LOG_LEVEL_INFO,
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
    .pending = log_state.buffers[0],
};

static const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR: return "error";
    case LOG_LEVEL_WARNING: return "warning";
    case LOG_LEVEL_INFO: return "info";
    case LOG_LEVEL_DEBUG: return "debug";
    }
    return "?";
}

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

/* The line as it goes out, with its line feed; its length is the result. */
static size_t log_format(char line[static LOG_LINE_BYTES], enum log_level level, const char *module,
                         const char *format, va_list arguments)
{
    static atomic_int terminal = -1;
    size_t count = 0;

    if (atomic_load(&terminal) < 0)
        atomic_store(&terminal, isatty(STDERR_FILENO));
    if (atomic_load(&terminal)) {
        struct timespec now;
        struct tm local = { 0 };

        (void)clock_gettime(CLOCK_REALTIME, &now);
        (void)localtime_r(&now.tv_sec, &local);
        count = (size_t)snprintf(line, LOG_LINE_BYTES, "%02d:%02d:%02d.%03d %s %s: ", local.tm_hour,
                                 local.tm_min, local.tm_sec, (int)(now.tv_nsec / 1000000),
                                 log_level_name(level), module);
    } else {
        count = (size_t)snprintf(line, LOG_LINE_BYTES, "<%d>%s: ", level, module);
    }

    int room = (int)(LOG_LINE_BYTES - count);
    int wanted = vsnprintf(line + count, (size_t)room, format, arguments);
    if (wanted > 0)
        count += (size_t)(wanted < room ? wanted : room - 1);
    for (size_t i = 0; i < count; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[count] = '\n';
    return count + 1;
}

void log_write(enum log_level level, const char *module, const char *format, ...)
{
    char line[LOG_LINE_BYTES];
    va_list arguments;

    if (level > (enum log_level)atomic_load(&log_state.level))
        return;

    va_start(arguments, format);
    size_t count = log_format(line, level, module, format, arguments);
    va_end(arguments);

    pthread_mutex_lock(&log_state.mutex);
    bool started = log_state.started;
    bool lost = log_state.lost;
    if (started && log_state.pending_count + count <= LOG_BUFFER_BYTES) {
        memcpy(log_state.pending + log_state.pending_count, line, count);
        log_state.pending_count += count;
        pthread_cond_broadcast(&log_state.changed);
    } else if (started) {
        log_state.dropped++;
    }
    pthread_mutex_unlock(&log_state.mutex);

    if (!started && !lost)
        log_output(line, count);
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
    log_state.writing = true;
    pthread_mutex_unlock(&log_state.mutex);

    log_output(text, count);
    if (dropped > 0) {
        char line[128];
        int length =
            snprintf(line, sizeof(line), "<%d>log: standard error is too slow lines_left_out=%lu\n",
                     LOG_LEVEL_WARNING, dropped);
        log_output(line, (size_t)length);
    }

    pthread_mutex_lock(&log_state.mutex);
    log_state.writing = false;
    pthread_cond_broadcast(&log_state.changed);
}

static void *log_run(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&log_state.mutex);
    while (!log_state.stopping || log_state.pending_count > 0) {
        if (log_state.pending_count > 0)
            log_write_pending();
        else
            pthread_cond_wait(&log_state.changed, &log_state.mutex);
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
    while (code == 0 && log_state.started && (log_state.pending_count > 0 || log_state.writing))
        code = pthread_cond_timedwait(&log_state.changed, &log_state.mutex, &deadline);
    return code == 0;
}

void log_stop(void)
{
    pthread_mutex_lock(&log_state.mutex);
    bool started = log_state.started;
    log_state.stopping = true;
    pthread_cond_broadcast(&log_state.changed);
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
