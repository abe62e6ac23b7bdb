#pragma once

#include "protocol/tus_creation.h"
#include "server/exchange.h"

/* POST of a final upload, parsed: made of its parts in one transaction, whether they are complete or not.
 * key: see protocol/idempotency_key.h. Waits. */
int concatenate(struct exchange *exchange, const struct tus_creation *creation, struct bytes key);
