#pragma once

/*
 * What scripts on pages of other origins may do here, and read
 *
 * It is the browser that keeps a script from an answer: a page whose origin is not allowed is served
 * as everybody else and told nothing. Credentials are never allowed, so a script can do no more than
 * its page's server could.
 *
 *   Source   the Fetch standard, "HTTP-CORS protocol"
 */

#include "server/exchange.h"

/* On every answer of the endpoint, refusals too: a script that cannot read them sees a network error
 * and tries again. */
void cors_finish(struct exchange *exchange, struct answer *answer);
