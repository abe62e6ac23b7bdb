#pragma once

/*
 * Which protocol a request speaks
 *
 * One endpoint serves two protocols. Both use POST, HEAD, PATCH and DELETE, Upload-Offset and
 * Upload-Length; what tells them apart is a marker that only one of them has.
 */

#include "protocol/message.h"

/* The numbers are stored with each upload: they never change. */
enum protocol {
    PROTOCOL_NONE = 0, /* the request does not say: the protocol that created the upload decides */
    PROTOCOL_TUS = 1,  /* tus 1.0.0 */
    PROTOCOL_IETF =
        2, /* draft-ietf-httpbis-resumable-upload, in the version that the client names */
};

/* By the headers alone. Whether the version is one that we speak is another question. */
enum protocol protocol_choose(const struct message *message);
