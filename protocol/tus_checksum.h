#pragma once

/*
 * Upload-Checksum: what the bytes of one request have to be
 *
 *     Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=
 *
 * It stands in the header, or behind the body in a trailer that the header announces, or in both:
 * then both hold. Nothing of the body counts before it was verified.
 *
 *   Source   tus 1.0.0, "Checksum"; RFC 9110, 6.5 and 6.6.2 (trailers)
 *   Memory   values only: of digest/ nothing is used that hashes
 *
 * Calling sequence:  tus_checksum_parse     by the headers alone
 *                    tus_checksum_expected  whether the body has to be verified
 *                    the body
 *                    tus_checksum_complete  with the trailer, if one was announced
 *                    verify the body by each value
 */

#include <stdbool.h>
#include <stddef.h>

#include "digest/digest_algorithm.h"
#include "protocol/message.h"

/* For Tus-Checksum-Algorithm. Without blanks, and first what every client knows: the specification
 * gives the order no meaning, but a client that takes the first one has to be able to compute it. */
#define TUS_CHECKSUM_ALGORITHMS "sha1,sha256,sha512,md5,crc32,blake2b"

enum {
    TUS_CHECKSUMS_MAX = 2, /* one of the header, one of the trailer */
};

struct tus_checksum {
    bool announced; /* a trailer holds one, too */
    size_t count;   /* of the values; never two that are the same */
    struct digest_value values[TUS_CHECKSUMS_MAX];
};

/*
 * Reads Upload-Checksum and Trailer. Without them nothing is expected.
 *
 * Refuses with REFUSED_CHECKSUM_SYNTAX, REFUSED_CHECKSUM_ALGORITHM, REFUSED_REPEATED_FIELD, and
 * with REFUSED_CHECKSUM_MISSING where the framing leaves no place for the trailer that is
 * announced. ret_checksum is untouched then.
 */
int tus_checksum_parse(const struct message *message, const struct framing *framing,
                       struct tus_checksum *ret_checksum);

/* Whether the body has to be verified. */
bool tus_checksum_expected(const struct tus_checksum *checksum);

/* The algorithm that can be computed while the body comes; DIGEST_NONE before the trailer is there. */
enum digest_algorithm tus_checksum_algorithm(const struct tus_checksum *checksum);

/*
 * Adds the trailer, NULL when none came. One that was not announced is not looked at.
 *
 * Refuses with REFUSED_CHECKSUM_MISSING, REFUSED_CHECKSUM_SYNTAX, REFUSED_CHECKSUM_ALGORITHM; with
 * REFUSED_CHECKSUM_SYNTAX also when the header has another value of the same algorithm: whatever
 * the bytes are, one of the two is wrong. The checksum is untouched then.
 */
int tus_checksum_complete(struct tus_checksum *checksum, const struct bytes *trailer);
