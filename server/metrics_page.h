#pragma once

/*
 * GET /metrics: all that is counted, in Prometheus' text format
 *
 * Everything is read where it is counted anyway; nothing is counted for it. Waits for storage_figures() and
 * leaves out what they would tell when they cannot be had.
 */

#include "server/exchange.h"

int metrics_page(struct exchange *exchange);
