#pragma once

/*
 * Bytes: a borrowed piece of somebody else's memory, passed by value
 *
 * Text in a struct bytes is not terminated. Print it with "%.*s" and BYTES_ARGUMENT().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct bytes {
    const uint8_t *data;
    size_t count;
};

/* For printf's "%.*s". */
#define BYTES_ARGUMENT(bytes) (int)(bytes).count, (const char *)(bytes).data

static inline struct bytes bytes_of(const void *data, size_t count)
{
    return (struct bytes){ .data = data, .count = count };
}

static inline struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes one, struct bytes other)
{
    return one.count == other.count &&
           (one.count == 0 || memcmp(one.data, other.data, one.count) == 0);
}

static inline bool bytes_equal_text(struct bytes bytes, const char *text)
{
    return bytes_equal(bytes, bytes_of_text(text));
}

/* As ASCII text, regardless of case: how HTTP compares field names and many values. */
static inline bool bytes_equal_nocase(struct bytes bytes, const char *text)
{
    return bytes.count == strlen(text) &&
           (bytes.count == 0 || strncasecmp((const char *)bytes.data, text, bytes.count) == 0);
}

static inline bool bytes_start_with(struct bytes bytes, const char *text)
{
    size_t count = strlen(text);
    return bytes.count >= count && memcmp(bytes.data, text, count) == 0;
}

/* What is left after the first count bytes; count is at most bytes.count. */
static inline struct bytes bytes_after(struct bytes bytes, size_t count)
{
    /* as a number: C17 knows no sum of a null pointer and 0 */
    return bytes_of((const void *)((uintptr_t)bytes.data + count), bytes.count - count);
}
