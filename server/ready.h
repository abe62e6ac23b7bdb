#pragma once

/* GET /readyz: whether uploads would be taken now, as JSON, with the reasons why not. */

#include "server/exchange.h"

int ready(struct exchange *exchange);
