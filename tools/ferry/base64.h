#pragma once

/*
 * Base64, as metadata, digests and checksums need it: RFC 4648, with padding
 */

#include <stddef.h>
#include <stdint.h>

/* Writes 4 characters for 3 bytes begun, and no NUL. Yields the end of what it wrote. */
char *base64_format(const void *value, size_t count, char *out);

/* The bytes, NUL behind them; NULL for what is not Base64. free() it. */
char *base64_parse(const char *text, size_t count, size_t *ret_count);
