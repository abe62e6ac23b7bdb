#pragma once

/* GET /api/stats: counts of uploads, bytes and rates of the endpoint, space. Nothing is counted for it. */

#include "server/exchange.h"

int stats(struct exchange *exchange);
