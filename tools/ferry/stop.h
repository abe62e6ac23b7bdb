#pragma once

/*
 * Stopping: SIGINT, SIGTERM and SIGHUP as something to wait for
 *
 * From stop_start() on these signals arrive through a descriptor that every wait of the client
 * watches: nothing is cut off in the middle, nothing is missed. A signal that was ignored when the
 * program began (nohup) stays ignored.
 *
 *   Threads  any, after stop_start()
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* 0, or -errno and it is said. */
int stop_start(void);

/* Becomes readable when it is time to stop. */
int stop_descriptor(void);

bool stop_asked(void);

/* This thread is to stop, too, once the flag is set; it is borrowed. NULL: only by signals. */
void stop_follow(const atomic_bool *flag);

/* Waits so long, or until it is time to stop. */
void stop_wait(uint64_t ms);

/* Ends the process the way the signal would have, for a shell to see; returns if there was none. */
void stop_end(void);
