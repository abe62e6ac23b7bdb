#pragma once

/* The body of a request into an upload: what an append and a creation with upload have in common. */

#include "protocol/tus_body.h"
#include "server/exchange.h"
#include "storage/upload.h"

/*
 * Stores what there is room for, makes it durable, and completes the upload when it has its length.
 *
 * Refuses with what lies beyond the room (all that fitted is stored), REFUSED_NO_SPACE (what fitted is),
 * or as upload_append() does; -ECANCELED when the rest of the body will not come: storage keeps what did.
 * Waits.
 */
int receive_body(struct exchange *exchange, struct upload *upload, struct tus_body *body);
