#pragma once

/*
 * Failures of the machine
 *
 * Said once, by the place that knows: the function that meets a failure logs it with one of these
 * and returns the negative number; everyone above just returns.
 *
 *     if (fd < 0)
 *         return fail_errno("open upload %s", id);
 */

#include <errno.h>

#include "base/log.h"

/* Logs the sentence and errno's text at level error; yields -errno. */
#define fail_errno(...) fail_log(LOG_MODULE, errno, __VA_ARGS__)

/* The same for an error number that did not come through errno: code is positive. */
#define fail_code(code, ...) fail_log(LOG_MODULE, code, __VA_ARGS__)

/*
 * Ends the process with exit status 1 after one clear line, without running anything else: for
 * failures after which nothing this process believes can be trusted (a failed sync).
 */
#define fail_fatal(...) fail_end(LOG_MODULE, __VA_ARGS__)

__attribute__((format(printf, 3, 4))) int fail_log(const char *module, int code, const char *format,
                                                   ...);
__attribute__((format(printf, 2, 3), noreturn)) void fail_end(const char *module,
                                                              const char *format, ...);
