#pragma once

/*
 * What the bytes of an upload are: a function of its id and of their position, so that whoever
 * knows an id can tell whether a byte is the client's
 */

#include <stdint.h>
#include <string.h>

#include "digest/digest.h"
#include "storage/id.h"

static inline uint8_t content_byte(const struct upload_id *id, uint64_t position)
{
    uint64_t z;

    memcpy(&z, id->bytes, sizeof(z));
    z += (position / 8 + 1) * 0x9e3779b97f4a7c15; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return (uint8_t)(z >> position % 8 * 8);
}

static inline void content_fill(const struct upload_id *id, uint64_t position, uint8_t *memory,
                                size_t count)
{
    for (size_t i = 0; i < count; i++)
        memory[i] = content_byte(id, position + i);
}

/* Of the bytes from one position to another. */
static inline struct digest_value content_digest(const struct upload_id *id,
                                                 enum digest_algorithm algorithm, uint64_t from,
                                                 uint64_t until)
{
    struct digest digest;
    struct digest_value value;
    uint8_t memory[4096];

    digest_init(&digest, algorithm);
    while (from < until) {
        size_t count = until - from < sizeof(memory) ? (size_t)(until - from) : sizeof(memory);
        content_fill(id, from, memory, count);
        digest_update(&digest, bytes_of(memory, count));
        from += count;
    }
    digest_final(&digest, &value);
    return value;
}

/* How many of the bytes are right, from the first one on. */
static inline size_t content_match(const struct upload_id *id, uint64_t position,
                                   const uint8_t *memory, size_t count)
{
    size_t right = 0;

    while (right < count && memory[right] == content_byte(id, position + right))
        right++;
    return right;
}
