/*
 * Checkpoints, version 1: one byte 1, the position in 8 bytes, the chaining value; all numbers
 * little-endian, so that a data directory may move to another machine.
 *
 * All but CRC-32 work in blocks and keep what is no whole block; a checkpoint leaves that out and
 * stands at the end of the last block that was compressed. BLAKE2b compresses a block only when more
 * bytes have come, as its last one is marked: libb2 keeps up to 256 bytes.
 */
#include "digest/digest.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>

enum {
    CHECKPOINT_VERSION = 1,
    CHECKPOINT_HEAD_BYTES = 1 + 8,
};

/* Only blake2b_* of libb2: its parallel variants yield wrong digests under some settings of OpenMP. */
void digest_init(struct digest *digest, enum digest_algorithm algorithm)
{
    *digest = (struct digest){ .algorithm = algorithm };
    switch (algorithm) {
    case DIGEST_BLAKE2B: (void)blake2b_init(&digest->blake2b, DIGEST_BYTES_MAX); break;
    case DIGEST_SHA256: sha256_init(&digest->sha256); break;
    case DIGEST_SHA512: sha512_init(&digest->sha512); break;
    case DIGEST_SHA1: sha1_init(&digest->sha1); break;
    case DIGEST_MD5: md5_init(&digest->md5); break;
    case DIGEST_CRC32: digest->crc32 = (uint32_t)crc32(0, NULL, 0); break;
    case DIGEST_NONE:
    case DIGEST_ALGORITHM_COUNT: break;
    }
}

void digest_update(struct digest *digest, struct bytes bytes)
{
    digest->position += bytes.count;
    switch (digest->algorithm) {
    case DIGEST_BLAKE2B: (void)blake2b_update(&digest->blake2b, bytes.data, bytes.count); break;
    case DIGEST_SHA256: sha256_update(&digest->sha256, bytes.count, bytes.data); break;
    case DIGEST_SHA512: sha512_update(&digest->sha512, bytes.count, bytes.data); break;
    case DIGEST_SHA1: sha1_update(&digest->sha1, bytes.count, bytes.data); break;
    case DIGEST_MD5: md5_update(&digest->md5, bytes.count, bytes.data); break;
    case DIGEST_CRC32:
        digest->crc32 = (uint32_t)crc32_z(digest->crc32, bytes.data, bytes.count);
        break;
    case DIGEST_NONE:
    case DIGEST_ALGORITHM_COUNT: break;
    }
}

void digest_final(struct digest *digest, struct digest_value *ret_value)
{
    struct digest_value value = { .algorithm = digest->algorithm };
    uint32_t crc32_network = htobe32(digest->crc32);

    switch (digest->algorithm) {
    case DIGEST_BLAKE2B: (void)blake2b_final(&digest->blake2b, value.bytes, 64); break;
    case DIGEST_SHA256: sha256_digest(&digest->sha256, 32, value.bytes); break;
    case DIGEST_SHA512: sha512_digest(&digest->sha512, 64, value.bytes); break;
    case DIGEST_SHA1: sha1_digest(&digest->sha1, 20, value.bytes); break;
    case DIGEST_MD5: md5_digest(&digest->md5, 16, value.bytes); break;
    case DIGEST_CRC32: memcpy(value.bytes, &crc32_network, sizeof(crc32_network)); break;
    case DIGEST_NONE:
    case DIGEST_ALGORITHM_COUNT: break;
    }
    *ret_value = value;
}

/* ---- checkpoints ---- */

/* Where the chaining value of a digest lies: words of 4 or 8 bytes. */
struct chain {
    void *words;
    size_t word_bytes, count;
    uint64_t position; /* of what went into it */
};

static struct chain digest_chain(struct digest *digest)
{
    switch (digest->algorithm) {
    case DIGEST_BLAKE2B:
        return (struct chain){ digest->blake2b.h, 8, 8, digest->blake2b.t[0] };
    case DIGEST_SHA256:
        return (struct chain){ digest->sha256.state, 4, 8, digest->sha256.count * 64 };
    case DIGEST_SHA512:
        return (struct chain){ digest->sha512.state, 8, 8, digest->sha512.count_low * 128 };
    case DIGEST_SHA1: return (struct chain){ digest->sha1.state, 4, 5, digest->sha1.count * 64 };
    case DIGEST_MD5: return (struct chain){ digest->md5.state, 4, 4, digest->md5.count * 64 };
    case DIGEST_CRC32: return (struct chain){ &digest->crc32, 4, 1, digest->position };
    case DIGEST_NONE:
    case DIGEST_ALGORITHM_COUNT: break;
    }
    return (struct chain){ .position = 0 };
}

/* The words as they stand on record; the same function takes them back. */
static void words_swap(uint8_t *to, const uint8_t *from, struct chain chain)
{
    for (size_t i = 0; i < chain.count; i++, to += chain.word_bytes, from += chain.word_bytes) {
        uint64_t word8;
        uint32_t word4;
        if (chain.word_bytes == 8) {
            memcpy(&word8, from, sizeof(word8));
            word8 = htole64(word8);
            memcpy(to, &word8, sizeof(word8));
        } else {
            memcpy(&word4, from, sizeof(word4));
            word4 = htole32(word4);
            memcpy(to, &word4, sizeof(word4));
        }
    }
}

void digest_checkpoint(const struct digest *digest, struct digest_checkpoint *ret_checkpoint)
{
    struct digest_checkpoint checkpoint = { 0 };
    struct digest copy = *digest;

    struct chain chain = digest_chain(&copy);
    if (chain.position > 0) {
        uint64_t position = htole64(chain.position);
        checkpoint.position = chain.position;
        checkpoint.count = CHECKPOINT_HEAD_BYTES + chain.word_bytes * chain.count;
        assert(checkpoint.count <= sizeof(checkpoint.bytes));
        checkpoint.bytes[0] = CHECKPOINT_VERSION;
        memcpy(checkpoint.bytes + 1, &position, sizeof(position));
        words_swap(checkpoint.bytes + CHECKPOINT_HEAD_BYTES, chain.words, chain);
    }
    *ret_checkpoint = checkpoint;
}

static uint64_t digest_block_bytes(enum digest_algorithm algorithm)
{
    switch (algorithm) {
    case DIGEST_BLAKE2B:
    case DIGEST_SHA512: return 128;
    case DIGEST_SHA256:
    case DIGEST_SHA1:
    case DIGEST_MD5: return 64;
    case DIGEST_CRC32:
    case DIGEST_NONE:
    case DIGEST_ALGORITHM_COUNT: break;
    }
    return 1;
}

static void digest_continue(struct digest *digest, uint64_t position)
{
    digest->position = position;
    switch (digest->algorithm) {
    case DIGEST_BLAKE2B: digest->blake2b.t[0] = position; break;
    case DIGEST_SHA256: digest->sha256.count = position / 64; break;
    case DIGEST_SHA512: digest->sha512.count_low = position / 128; break;
    case DIGEST_SHA1: digest->sha1.count = position / 64; break;
    case DIGEST_MD5: digest->md5.count = position / 64; break;
    case DIGEST_CRC32:
    case DIGEST_NONE:
    case DIGEST_ALGORITHM_COUNT: break;
    }
}

bool digest_restore(struct digest *ret_digest, enum digest_algorithm algorithm,
                    struct bytes checkpoint)
{
    struct digest digest;
    uint64_t position = 0;

    digest_init(&digest, algorithm);
    if (checkpoint.count == 0) {
        *ret_digest = digest;
        return true;
    }

    struct chain chain = digest_chain(&digest);
    if (chain.count == 0 ||
        checkpoint.count != CHECKPOINT_HEAD_BYTES + chain.word_bytes * chain.count ||
        checkpoint.data[0] != CHECKPOINT_VERSION)
        return false;
    memcpy(&position, checkpoint.data + 1, sizeof(position));
    position = le64toh(position);
    if (position == 0 || position > INT64_MAX || position % digest_block_bytes(algorithm) != 0)
        return false;

    words_swap(chain.words, checkpoint.data + CHECKPOINT_HEAD_BYTES, chain);
    digest_continue(&digest, position);
    *ret_digest = digest;
    return true;
}
