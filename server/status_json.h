#pragma once

/*
 * The status of an upload, written as JSON
 *
 * spec/openapi.yaml describes each member. The text is ASCII, whatever a client has put into its metadata:
 * all else is escaped, so it does no harm on a terminal and in a log.
 *
 *   Source   RFC 8259; RFC 3339 (times)
 */

#include "storage/upload.h"

/*
 * url: the path of the upload on this server. file: where its bytes lie. The caller frees the text; NULL
 * when there is no memory.
 */
char *status_json(const struct upload_info *info, const char *url, const char *file);
