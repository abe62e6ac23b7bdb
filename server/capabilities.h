#pragma once

/* OPTIONS on the endpoint and on uploads: tus 1.0.0, "OPTIONS"; CORS preflight. */

#include "server/exchange.h"

int capabilities(struct exchange *exchange);
