#pragma once

/*
 * Conditional requests
 *
 * What a client knows of the content already: to be spared of it (If-None-Match,
 * If-Modified-Since), to be told when it is no more what it was (If-Match, If-Unmodified-Since), or
 * to get the rest only as long as it is (If-Range).
 *
 *   Units    seconds since 1970-01-01 UTC
 *   Source   RFC 9110, 13
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/entity_tag.h"
#include "protocol/message.h"

/* What the content is known by. It never changes under one URL, so both are strong. */
struct validators {
    struct entity_tag entity_tag;
    int64_t modified;
    int64_t now; /* dates with two digits of a year are read by it */
};

enum precondition {
    PRECONDITION_HOLDS,        /* go on */
    PRECONDITION_NOT_MODIFIED, /* 304 */
    PRECONDITION_FAILED,       /* 412 */
};

/* For a GET or a HEAD of content that exists: all but If-Range, in the order of RFC 9110,
 * 13.2.2. */
enum precondition precondition_evaluate(const struct message *message,
                                        const struct validators *validators);

/* For a method that changes what there is: whether it may. NULL: there is no content. */
bool precondition_allows_change(const struct message *message, const struct validators *validators);

/* Whether a Range counts: there is no If-Range, or it holds. */
bool precondition_range_counts(const struct message *message, const struct validators *validators);
