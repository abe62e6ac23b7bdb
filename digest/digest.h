#pragma once

/*
 * Digests of bytes that come piece by piece
 *
 * A digest can be put on record half-way and be taken up again from there, in another process: a
 * checkpoint is its chaining value and how many bytes went into that.
 *
 *   Units      positions in bytes
 *   Threads    any, one call at a time per digest; nothing here waits, but hashing takes its time:
 *              never on an event loop
 *   Ownership  a struct digest owns nothing: it may be copied, and forgotten
 *   Errors     none but where said
 *
 * Calling sequence:  digest_init or digest_restore  { digest_update  digest_checkpoint }  digest_final
 */

#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

#include <blake2.h>

#include "digest/digest_algorithm.h"

struct digest {
    enum digest_algorithm algorithm;
    uint64_t position; /* bytes so far */
    union {
        blake2b_state blake2b;
        struct sha256_ctx sha256;
        struct sha512_ctx sha512;
        struct sha1_ctx sha1;
        struct md5_ctx md5;
        uint32_t crc32;
    };
};

/* DIGEST_NONE is an algorithm like the others, of no cost. */
void digest_init(struct digest *digest, enum digest_algorithm algorithm);
void digest_update(struct digest *digest, struct bytes bytes);

/* The digest is spent by it: digest_init() comes next. */
void digest_final(struct digest *digest, struct digest_value *ret_value);

enum {
    DIGEST_CHECKPOINT_BYTES = 96, /* at most */
};

/* The algorithm is not part of the bytes: who keeps them knows it. */
struct digest_checkpoint {
    uint64_t position; /* what follows has to be hashed again: less than 257 bytes behind */
    size_t count;      /* 0: nothing on record, and position is 0 */
    uint8_t bytes[DIGEST_CHECKPOINT_BYTES];
};

void digest_checkpoint(const struct digest *digest, struct digest_checkpoint *ret_checkpoint);

/*
 * Takes a digest up where a checkpoint was made: ret_digest->position says which byte comes next.
 * No bytes at all mean the beginning. False when these are not what digest_checkpoint() makes for
 * that algorithm; ret_digest is untouched then.
 */
bool digest_restore(struct digest *ret_digest, enum digest_algorithm algorithm,
                    struct bytes checkpoint);
