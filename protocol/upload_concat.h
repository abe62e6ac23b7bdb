#pragma once

/*
 * Upload-Concat: whether an upload is to become a part of others, or is made of such parts
 *
 *     Upload-Concat: partial
 *     Upload-Concat: final;/files/a /files/b
 *
 * The value is kept and echoed byte for byte as it came. Proxies change hosts and paths, so of a
 * part's URL only its end counts: the upload endpoint's path and a name.
 *
 *   Source     tus 1.0.0, "Upload-Concat"
 *   Ownership  everything borrows from the message
 */

#include <stdbool.h>
#include <stddef.h>

#include "protocol/message.h"

enum upload_concat_kind {
    UPLOAD_CONCAT_NONE, /* bytes that are wanted for themselves */
    UPLOAD_CONCAT_PARTIAL,
    UPLOAD_CONCAT_FINAL,
};

struct upload_concat {
    enum upload_concat_kind kind;
    struct bytes words; /* the whole value; empty when there is none */
    struct bytes urls;  /* of the parts, in order; empty unless they are those of a final upload */
    size_t url_count;
};

/*
 * Refuses with REFUSED_CONCAT_SYNTAX anything but the two forms above, and a list without a URL;
 * REFUSED_REPEATED_FIELD. ret_concat is untouched then.
 */
int upload_concat_parse(const struct message *message, struct upload_concat *ret_concat);

/*
 * The next URL of a list; rest begins as all of it. False at its end.
 *
 *     for (struct bytes rest = concat.urls; upload_concat_next(&rest, &url);)
 */
bool upload_concat_next(struct bytes *rest, struct bytes *ret_url);

/*
 * The name of the upload behind the URL, which may be absolute, a path, or the name alone: relative
 * to the endpoint. False, and ret_name untouched, when it is of no upload below that path.
 *
 * base_path begins and ends with '/'.
 */
bool upload_concat_name(struct bytes url, const char *base_path, struct bytes *ret_name);
