#pragma once

/*
 * Answers of an HTTP server, as far as a load has to know them
 *
 * Reads the header of one answer; everything that is not an answer of HTTP/1.1 is told in words.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct answer {
    unsigned status;
    size_t header_bytes;
    bool offset_known, length_known, chunked, closes;
    uint64_t offset, length; /* Upload-Offset, Content-Length */
    struct bytes location;   /* in the text; empty: there is none */
};

/* Where the header in this text ends, or 0: not yet. */
size_t answer_header_bytes(struct bytes text);

/* The text begins with a whole header, which is left as it is. What is wrong with it, or NULL. */
const char *answer_parse(struct bytes text, struct answer *ret_answer);
