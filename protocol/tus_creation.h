#pragma once

/*
 * The creation of an upload: POST
 *
 *   Source     tus 1.0.0, "Creation", "Creation With Upload", "Concatenation"
 *   Ownership  metadata and concat borrow from the message
 */

#include "protocol/message.h"
#include "protocol/tus_body.h"
#include "protocol/tus_checksum.h"
#include "protocol/upload_concat.h"

enum {
    /* Of what is told again by HEAD: clients send cookies and the like, and libmicrohttpd has 128 KiB
     * for an answer's header and, twice, that of the request. Measured: 15 KiB remain for the request. */
    TUS_CREATION_TOLD_BYTES_MAX = 96 * 1024
};

struct tus_creation {
    struct upload_concat concat;
    struct tus_length
        length;            /* not known: it is deferred, or that of the parts of a final upload */
    struct bytes metadata; /* byte for byte as received, to be echoed; empty: there is none */
    bool appends;          /* the body is the upload's first bytes; otherwise it is ignored */
    struct tus_body body;
    struct tus_checksum checksum; /* of the body, where it is not ignored */
    struct digest_value stated;   /* of the whole upload; of DIGEST_NONE: nobody knows */
};

/*
 * Takes the request apart. Whatever it refuses was refused by the headers alone: nothing is to be
 * created, and nothing of the body has to be read.
 *
 * Refuses, in this order, with REFUSED_VERSION; as upload_concat_parse() does; for a final upload with
 * REFUSED_FINAL_UPLOAD, when it has a body, and REFUSED_CONCAT_LENGTH; REFUSED_LENGTH_SYNTAX and the
 * like, for each field; REFUSED_LENGTH_UNSTATED, REFUSED_LENGTH_CONTRADICTS; as
 * upload_metadata_check(), with REFUSED_HEADER_TOO_LARGE; as stated_digest_parse() and tus_checksum_parse() do; REFUSED_TOO_LARGE, REFUSED_TOO_LONG.
 * ret_creation is untouched then.
 */
int tus_creation_parse(const struct message *message, const struct framing *framing,
                       struct tus_limits limits, struct tus_creation *ret_creation);
