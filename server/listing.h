#pragma once

/* GET /api/uploads: a page of uploads, newest first. See protocol/listing_query.h. */

#include "server/exchange.h"

int listing(struct exchange *exchange);
