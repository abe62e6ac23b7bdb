#pragma once

/*
 * Timer: calls store_tick() as time goes by, and at once when somebody waits for a bound
 *
 *   Threads   timer_press() from any, under any lock
 */

struct store;
struct timer;

/* NULL, said in the log, when the thread cannot be made. */
struct timer *timer_new(struct store *store);
void timer_free(struct timer *timer);

void timer_press(struct timer *timer);
