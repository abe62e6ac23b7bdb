#pragma once

/* GET /healthz: the server answers, so it is there. Public; says nothing else. */

#include "server/exchange.h"

int health(struct exchange *exchange);
