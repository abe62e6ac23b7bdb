#pragma once

/*
 * Metrics: what is counted of the exchanges of a server
 *
 * One call per exchange, at its end, with a few increments and no lock. What other parts of the server
 * count for themselves is put beside it where metrics are read: server/metrics_page.c.
 *
 *   Threads   any
 *
 * Calling sequence:  metrics_new  { metrics_count, metrics_expose }  metrics_free
 */

#include <stdbool.h>

#include "server/exchanges.h"
#include "server/exposition.h"

struct metrics;

/* NULL, said in the log, without memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

void metrics_count(struct metrics *metrics, const struct exchange_record *record);

/* Writes the families of what was counted. */
void metrics_expose(struct metrics *metrics, struct exposition *exposition);

/* The same as tusd names it: requests by method, errors by status. */
void metrics_expose_as_tusd(struct metrics *metrics, struct exposition *exposition);
