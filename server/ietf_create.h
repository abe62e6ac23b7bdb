#pragma once

#include "server/exchange.h"

/* POST and PUT on the upload endpoint, by the IETF's protocol: a new upload. A handler. */
int ietf_create(struct exchange *exchange);
