#pragma once

/*
 * Pulse: a thread that calls once a second
 *
 *   Threads    beat() is called by the pulse's own and must not wait
 *
 * Calling sequence:  pulse_start  pulse_stop
 */

struct pulse;

/* 0 or -errno. */
int pulse_start(void (*beat)(void *argument), void *argument, struct pulse **ret_pulse);

/* NULL is fine. Waits for the thread. */
void pulse_stop(struct pulse *pulse);
