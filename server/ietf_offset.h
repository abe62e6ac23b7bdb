#pragma once

#include "server/exchange.h"

/* HEAD of an upload by the IETF's protocol: where it ends. A handler. */
int ietf_offset(struct exchange *exchange);
