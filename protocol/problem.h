#pragma once

/*
 * Problem details: what went wrong, for programs
 *
 *   Source   RFC 9457; the types are registered by draft-ietf-httpbis-resumable-upload, "IANA
 *            Considerations", the last one up to draft -11
 */

#include <stdint.h>

#define PROBLEM_MEDIA_TYPE "application/problem+json"

enum problem_type {
    PROBLEM_MISMATCHING_OFFSET,
    PROBLEM_INCONSISTENT_LENGTH,
    PROBLEM_COMPLETED,

    PROBLEM_TYPE_COUNT, /* one more than the last */
};

enum {
    PROBLEM_BYTES = 256, /* room for the longest, terminated */
};

/* A JSON object in one line. The offsets, in bytes, are told for PROBLEM_MISMATCHING_OFFSET alone:
 * where the upload ends, and where the request would have begun. */
void problem_format(enum problem_type type, uint64_t expected, uint64_t provided,
                    char text[static PROBLEM_BYTES]);
