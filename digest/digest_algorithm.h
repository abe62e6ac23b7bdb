#pragma once

/*
 * The algorithms of digests, and what they yield
 *
 *   Source   tus 1.0.0, "Checksum": names in lower case; CRC-32 as of RFC 1952, its four bytes in
 *            network order; BLAKE2b with 64 bytes, RFC 7693
 *   Threads  any; nothing here waits or can fail
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The numbers stand in the catalog. */
enum digest_algorithm {
    DIGEST_NONE = 0,
    DIGEST_BLAKE2B = 1,
    DIGEST_SHA256 = 2,
    DIGEST_SHA512 = 3,
    DIGEST_SHA1 = 4,
    DIGEST_MD5 = 5,
    DIGEST_CRC32 = 6,

    DIGEST_ALGORITHM_COUNT, /* one more than the last */
};

enum {
    DIGEST_BYTES_MAX = 64,
};

/* Its name in tus, such as "sha256"; "none". */
const char *digest_algorithm_name(enum digest_algorithm algorithm);

/* By that name, as it is spelled there; never DIGEST_NONE. */
bool digest_algorithm_parse(struct bytes name, enum digest_algorithm *ret_algorithm);

/* The length of its values; 0 of DIGEST_NONE. */
size_t digest_algorithm_bytes(enum digest_algorithm algorithm);

struct digest_value {
    enum digest_algorithm algorithm; /* DIGEST_NONE: there is none */
    uint8_t bytes[DIGEST_BYTES_MAX]; /* digest_algorithm_bytes() of them, zeros behind */
};

/* What it says, without the algorithm. */
struct bytes digest_value_bytes(const struct digest_value *value);

/* False when they have different algorithms, too. */
bool digest_value_equal(const struct digest_value *one, const struct digest_value *other);
