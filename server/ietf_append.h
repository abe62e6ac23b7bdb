#pragma once

#include "server/exchange.h"

/* PATCH of an upload by the IETF's protocol: more bytes. A handler. */
int ietf_append(struct exchange *exchange);
