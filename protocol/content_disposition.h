#pragma once

/*
 * Content-Disposition: under which name content is saved, or that it may be shown
 *
 *     attachment; filename="na_ve.txt"; filename*=UTF-8''na%C3%AFve.txt
 *
 * The name is a client's: only what safe_file_name() leaves of it is told, to old programs in
 * ASCII, to others whole.
 *
 *   Source   RFC 6266, 4 and appendix D; RFC 8187, 3.2
 */

#include <stdbool.h>

#include "base/bytes.h"

enum {
    FILE_NAME_BYTES_MAX = 255, /* what file systems take; a longer name is cut */
    CONTENT_DISPOSITION_BYTES = 64 + FILE_NAME_BYTES_MAX + 3 * FILE_NAME_BYTES_MAX
};

/* The value, terminated. An empty name is left out. */
void content_disposition_format(bool attachment, struct bytes name,
                                char ret_text[static CONTENT_DISPOSITION_BYTES]);
