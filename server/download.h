#pragma once

/*
 * GET: the bytes of a complete upload, or its status (server/status.h) for who prefers JSON
 *
 *   Source   RFC 9110, 9.3.1, 13 and 14; spec/http.md
 */

#include "server/exchange.h"
#include "storage/upload.h"

int download(struct exchange *exchange);

/*
 * Why the bytes of an upload cannot be had, or 0. Refuses with REFUSED_INCOMPLETE, REFUSED_INVALIDATED,
 * REFUSED_PART_LOST, REFUSED_DAMAGED; REFUSED_GONE for a part whose bytes moved into those that it is part of.
 */
int download_refusal(const struct upload_info *info);

/*
 * Adds to the answer to a HEAD what a GET of this complete upload would be answered with; the status is
 * decided when it is 304. A Range is ignored: it "is only defined for GET" (RFC 9110, 14.2). So are
 * preconditions, for clients of tus: they rely on being told the offset.
 *
 * Refuses with REFUSED_PRECONDITION.
 */
int download_tell(struct exchange *exchange, const struct upload_info *info);

/*
 * For uploads_check_and_open(), by a request that removes the upload; the argument is its exchange.
 *
 * Refuses with REFUSED_PRECONDITION.
 */
int download_check_change(void *argument, const struct upload_info *info);
