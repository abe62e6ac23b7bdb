#pragma once

/*
 * The world of the driver and of the checker: a store with small bounds, so that a short run
 * commits, checkpoints and waits often, and a clock that only goes when it is told to
 */

#include <stdbool.h>
#include <stdint.h>

#include "storage/store.h"

/* Ends the program when the store cannot be opened. Seconds since 1970 and the monotonic clock. */
struct store *world_open(const char *directory, int64_t now, bool materialise);

void world_set_time(int64_t now);
int64_t world_time(void);

/* Ends the program: something was seen that must not be. */
__attribute__((format(printf, 1, 2), noreturn)) void world_violation(const char *format, ...);
