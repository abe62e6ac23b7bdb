#pragma once

/*
 * What a creation says of the representation, as the metadata that is kept with the upload
 *
 *     Content-Type: video/mp4
 *     Content-Disposition: inline; filename="na?ve.mp4"; filename*=UTF-8''na%C3%AFve.mp4
 *
 * It is kept in the form of Upload-Metadata (upload_metadata.h), whichever protocol created the
 * upload: filename, filetype, and encoding for Content-Encoding. A client that sends Upload-Metadata
 * itself has it kept as it is.
 *
 *   Source     draft-ietf-httpbis-resumable-upload, "Upload Creation"; RFC 6266 (Content-Disposition),
 *              RFC 8187 (filename*)
 *   Ownership  the metadata lies in the message, or in room
 */

#include "protocol/message.h"

enum {
    IETF_METADATA_BYTES = 1024, /* room for all of it */
};

/* Empty when nothing is said, or nothing that can be read. */
struct bytes ietf_metadata(const struct message *message, char room[static IETF_METADATA_BYTES]);
