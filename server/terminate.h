#pragma once

/* DELETE on an upload: tus 1.0.0, "Termination". */

#include "server/exchange.h"

int terminate(struct exchange *exchange);
