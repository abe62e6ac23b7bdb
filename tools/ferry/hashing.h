#pragma once

/*
 * Hashing: the digest of a source, made from the bytes as they are sent
 *
 * Which algorithm the server will tell is not known before the end. A file is hashed by the one that
 * Ferry uses unless it is told otherwise, and can be read again for another; standard input cannot,
 * so both of Ferry's go along.
 *
 *   Errors     0; HASHING_STOPPED: a signal came; negative, and it is said
 *   Ownership  owns nothing
 *   Threads    one
 */

#include "digest/digest.h"
#include "tools/ferry/source.h"

enum {
    HASHING_ALGORITHMS = 2,
    HASHING_STOPPED = 1,
};

struct hashing {
    struct digest digests[HASHING_ALGORITHMS];
    size_t count; /* 0: nobody wants a digest */
};

void hashing_start(struct hashing *hashing, const struct source *source);

/* Bytes of the source, as they leave; what was hashed before is left out. */
void hashing_pass(struct hashing *hashing, uint64_t offset, struct bytes bytes);

/* Reads what is before offset and was not hashed. */
int hashing_catch_up(struct hashing *hashing, struct source *source, uint64_t offset);

/*
 * The digest of the whole source, which is read for it when it has to be;
 * ret_value->algorithm is DIGEST_NONE where it cannot be told any more.
 */
int hashing_final(struct hashing *hashing, struct source *source, enum digest_algorithm algorithm,
                  struct digest_value *ret_value);

/* Hashes what is between the digest's position and offset; moved may be NULL. */
int hashing_read(struct digest *digest, struct source *source, uint64_t offset,
                 void (*moved)(void *context, uint64_t offset), void *context);
