#pragma once

/*
 * Findings: what ferry doctor has found out, a line per check
 *
 *     ok       HEAD      tells offset and length
 *     problem  bodies    are held back: after 5 seconds nothing of what was sent had arrived
 *                        -> nginx: proxy_request_buffering off
 *
 * or one JSON object per line. Standard output.
 */

#include <stdbool.h>
#include <stddef.h>

enum verdict {
    VERDICT_OK,
    VERDICT_PROBLEM,
    VERDICT_UNKNOWN, /* the server has no such thing, or it could not be tried */
};

struct findings {
    bool json, quiet; /* quiet: problems only */
    bool broken;      /* standard output could not take what it was given */
    size_t problem_count;
};

/* The advice is for a problem: what to do about it; it may be NULL. */
__attribute__((format(printf, 5, 6))) void findings_add(struct findings *findings,
                                                        enum verdict verdict, const char *check,
                                                        const char *advice, const char *format,
                                                        ...);
