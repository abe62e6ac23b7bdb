#pragma once

/* The status of an upload, as JSON, to GET and HEAD by who prefers that to the bytes. Only looks. */

#include "server/exchange.h"

/* By the request's Accept; the bytes count as application/octet-stream, whatever is in them. */
bool status_preferred(const struct exchange *exchange);

int status(struct exchange *exchange);

struct json_t;
struct upload_id;
struct upload_info;
struct status_parts;

/* The same of an upload that was looked up, as a value of the caller's; NULL when there is no memory. Parts
 * are those of a final, see server/status_json.h. */
struct json_t *status_of(const struct exchange *exchange, const struct upload_info *info,
                         const struct status_parts *parts);

/* Finds the upload, and the parts of a final, and writes its status. Yields what uploads_find() and offload() do. The
 * caller owns both values, of which ret_text is NULL when there is no memory. Waits. */
int status_look(struct exchange *exchange, const struct upload_id *id, struct upload_info *ret_info,
                char **ret_text);
