#include "base/fail.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int fail_log(const char *module, int code, const char *format, ...)
{
    char sentence[LOG_LINE_BYTES];
    char buffer[128];
    va_list arguments;

    assert(code > 0);
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);

    log_write(LOG_LEVEL_ERROR, module, "%s: %s", sentence,
              strerror_r(code, buffer, sizeof(buffer)));
    return -code;
}

void fail_end(const char *module, const char *format, ...)
{
    char sentence[LOG_LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);

    log_write(LOG_LEVEL_ERROR, module, "%s", sentence);
    log_flush();
    _exit(1);
}
