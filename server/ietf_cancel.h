#pragma once

#include "server/exchange.h"

/* DELETE of an upload by the IETF's protocol. A handler. */
int ietf_cancel(struct exchange *exchange);
