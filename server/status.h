#pragma once

/* The status of an upload, as JSON, to GET and HEAD by who prefers that to the bytes. Only looks. */

#include "server/exchange.h"

/* By the request's Accept; the bytes count as application/octet-stream, whatever is in them. */
bool status_preferred(const struct exchange *exchange);

int status(struct exchange *exchange);
