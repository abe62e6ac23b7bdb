#pragma once

/*
 * Janitor: unfinished uploads whose time has come, and the files of deleted ones
 *
 *   Threads   its own; janitor_poke() from any, under any lock; janitor_sweep() blocks
 *   Errors    0 or -errno, said in the log; the next round goes on
 */

struct janitor;
struct store;

/* With a thread of its own unless the store is manual. NULL, said in the log, when that fails. */
struct janitor *janitor_new(struct store *store);
void janitor_free(struct janitor *janitor);

/* There is something to delete. */
void janitor_poke(struct janitor *janitor);

/* One round. */
int janitor_sweep(struct janitor *janitor);
