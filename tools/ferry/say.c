#include "tools/ferry/say.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/ferry/text.h"

enum {
    SAY_LINE_BYTES = 4096,
    SAY_COLUMNS_DEFAULT = 80,
};

static bool say_errors_only;
static bool say_bar_shown;
static pthread_mutex_t say_mutex = PTHREAD_MUTEX_INITIALIZER; /* of the last line */

void say_only_errors(void)
{
    say_errors_only = true;
}

/* A line goes out by one write: those of several ferries on one terminal do not mix. */
static void say_write(const char *text)
{
    size_t count = strlen(text);

    while (count > 0) {
        ssize_t written = write(STDERR_FILENO, text, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* nobody is left to be told */
        text += written;
        count -= (size_t)written;
    }
}

__attribute__((format(printf, 1, 0))) static void say_line(const char *format, va_list arguments)
{
    char sentence[SAY_LINE_BYTES];
    char clean[SAY_LINE_BYTES];
    char line[SAY_LINE_BYTES + 16];

    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    text_clean(sentence, sizeof(clean), clean);
    (void)snprintf(line, sizeof(line), "%sferry: %s\n", say_on_terminal() ? "\r\x1b[K" : "", clean);
    (void)pthread_mutex_lock(&say_mutex);
    say_bar_shown = false;
    say_write(line);
    (void)pthread_mutex_unlock(&say_mutex);
}

void say_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_line(format, arguments);
    va_end(arguments);
}

void say_note(const char *format, ...)
{
    va_list arguments;

    if (say_errors_only)
        return;
    va_start(arguments, format);
    say_line(format, arguments);
    va_end(arguments);
}

int say_errno(const char *format, ...)
{
    int code = errno;
    char sentence[SAY_LINE_BYTES];
    char buffer[128];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    say_error("%s: %s", sentence, strerror_r(code, buffer, sizeof(buffer)));
    return -code;
}

bool say_on_terminal(void)
{
    const char *term = getenv("TERM"); /* NOLINT(concurrency-mt-unsafe): nobody changes it */
    return isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

size_t say_bar_columns(void)
{
    struct winsize size = { 0 };

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return SAY_COLUMNS_DEFAULT - 1;
    return size.ws_col - 1U; /* the last column would make some terminals begin a new line */
}

void say_bar(const char *line)
{
    char text[SAY_LINE_BYTES];

    (void)snprintf(text, sizeof(text), "\r%s\x1b[K", line == NULL ? "" : line);
    (void)pthread_mutex_lock(&say_mutex);
    if (line != NULL || say_bar_shown)
        say_write(text);
    say_bar_shown = line != NULL;
    (void)pthread_mutex_unlock(&say_mutex);
}
