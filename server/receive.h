#pragma once

/*
 * The body of a request into an upload: what an append and a creation with upload have in common
 *
 *   Waits   all of them
 *
 * Calling sequence:  receive_body                      or, where it has to be verified,
 *                    receive_verified  receive_keep
 */

#include "protocol/tus_body.h"
#include "protocol/tus_checksum.h"
#include "server/exchange.h"
#include "storage/upload.h"

/*
 * Stores what there is room for, makes it durable, and completes the upload when it has its length.
 *
 * Refuses with what lies beyond the room (all that fitted is stored), REFUSED_NO_SPACE (what fitted is),
 * or as upload_append() does; -ECANCELED when the rest of the body will not come: storage keeps what did.
 */
int receive_body(struct exchange *exchange, struct upload *upload, struct tus_body *body);

/*
 * Takes the whole body, and the trailer if one was announced, and verifies it. Nothing of it counts before
 * receive_keep(); when that does not follow, nothing is left of it after upload_close().
 *
 * Refuses as receive_body() and tus_checksum_complete() do, and with REFUSED_CHECKSUM_MISMATCH.
 */
int receive_verified(struct exchange *exchange, struct upload *upload, struct tus_body *body,
                     struct tus_checksum *checksum);

/* Makes it durable, and completes the upload when it has its length. */
int receive_keep(struct exchange *exchange, struct upload *upload, const struct tus_body *body);
