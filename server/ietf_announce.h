#pragma once

/*
 * The creation of an upload, and its announcement by 104 as soon as it exists
 *
 * A client may wait for the announcement before it sends any content, and a handler cannot wait for
 * storage before the first of it is there (server/exchange_callbacks.c, 6). So the creation is begun
 * and goes on by itself: when the upload is durable it is opened for this exchange, and the thread of
 * storage that has done so sends the 104, while the connection is read from.
 *
 * It is open before its name is told, so that whoever comes back with that name on another connection
 * ends this request first, and whatever of its content is still on the way.
 *
 *   Ownership  announcement_begin() gives, announcement_drop() takes back, at any time; NULL is fine
 *   Source     draft-ietf-httpbis-resumable-upload, "Upload Creation", "Status Code 104"
 *
 * Calling sequence:  announcement_begin  announcement_wait  announcement_drop
 */

#include "protocol/ietf_version.h"
#include "server/exchange.h"
#include "storage/upload.h"

struct announcement;

/*
 * Begins. aloud: a 104 is to be sent; it is left out where exchange_interim() leaves it out.
 * What creation points to is borrowed for the call; its repeat.ret_repeated is not used.
 */
int announcement_begin(struct exchange *exchange, const struct ietf_version *version, bool aloud,
                       const struct upload_creation *creation,
                       struct announcement **ret_announcement);

/* Yields what upload_create() and upload_open() say; with 0 the upload is the caller's; ret_repeated: an earlier
 * request has made it. Waits. */
int announcement_wait(struct announcement *announcement, bool *ret_repeated,
                      struct upload **ret_upload);

void announcement_drop(struct announcement *announcement);
void announcement_dropp(struct announcement **announcement);
