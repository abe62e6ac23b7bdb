#pragma once

/*
 * What the bytes of a final upload are: those of its parts, one after the other
 *
 * The metadata of a final says which, so that whoever finds it can tell, also when it is one file by now
 * and no mark knows it.
 */

#include <stdlib.h>

#include "storage/upload.h"
#include "tests/crash/content.h"

enum {
    JOINED_PARTS = 3 /* at most */
};

struct joined_part {
    struct upload_id id;
    uint64_t length;
};

struct joined {
    struct joined_part parts[JOINED_PARTS];
    size_t count;
};

static inline struct bytes joined_metadata(const struct joined *joined)
{
    return bytes_of((const uint8_t *)joined->parts, joined->count * sizeof(joined->parts[0]));
}

/* Any other upload is its own only part. */
static inline struct joined joined_of(const struct upload_info *info)
{
    struct joined joined = { .parts = { { .id = info->id, .length = info->offset } }, .count = 1 };

    if (info->kind != UPLOAD_FINAL)
        return joined;
    if (info->metadata_count == 0 || info->metadata_count > sizeof(joined.parts))
        abort();
    memcpy(joined.parts, info->metadata, info->metadata_count);
    joined.count = info->metadata_count / sizeof(joined.parts[0]);
    return joined;
}

static inline uint64_t joined_length(const struct joined *joined)
{
    uint64_t length = 0;

    for (size_t i = 0; i < joined->count; i++)
        length += joined->parts[i].length;
    return length;
}

static inline uint8_t joined_byte(const struct joined *joined, uint64_t position)
{
    size_t i = 0;

    while (i + 1 < joined->count && position >= joined->parts[i].length)
        position -= joined->parts[i++].length;
    return content_byte(&joined->parts[i].id, position);
}

/* How many of the bytes are right, from the first one on. */
static inline size_t joined_match(const struct joined *joined, uint64_t position,
                                  const uint8_t *memory, size_t count)
{
    size_t right = 0;

    while (right < count && memory[right] == joined_byte(joined, position + right))
        right++;
    return right;
}

/* Of all its bytes. */
static inline struct digest_value joined_digest(const struct joined *joined,
                                                enum digest_algorithm algorithm)
{
    struct digest digest;
    struct digest_value value;

    digest_init(&digest, algorithm);
    for (uint64_t length = joined_length(joined), i = 0; i < length; i++)
        digest_update(&digest, bytes_of(&(uint8_t){ joined_byte(joined, i) }, 1));
    digest_final(&digest, &value);
    return value;
}
