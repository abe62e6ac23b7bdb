#pragma once

/* POST on the endpoint: tus 1.0.0, "Creation" and "Creation With Upload". */

#include "server/exchange.h"

int create(struct exchange *exchange);
