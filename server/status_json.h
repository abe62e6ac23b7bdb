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

/* What a final upload is made of, see upload_parts(). */
struct status_parts {
    const struct upload_part_info *infos;
    size_t count;
};

/*
 * base_path: what the paths of uploads on this server begin with. file: where its bytes lie, if in a file
 * of its own. The caller frees the text; NULL when there is no memory.
 */
char *status_json(const struct upload_info *info, const struct status_parts *parts,
                  const char *base_path, const char *file);
