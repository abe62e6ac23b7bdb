#pragma once

/*
 * The status of an upload as a JSON value; server/json_text.h makes a text of it
 *
 * spec/openapi.yaml describes each member.
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
 * of its own. The value is the caller's; NULL when there is no memory.
 */
struct json_t *status_json(const struct upload_info *info, const struct status_parts *parts,
                           const char *base_path, const char *file);

/* What its member "state" says. */
const char *status_state_name(enum upload_state state);
