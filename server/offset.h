#pragma once

/* HEAD on an upload: tus 1.0.0, "HEAD". */

#include "server/exchange.h"

int offset(struct exchange *exchange);
