#pragma once

/*
 * Responses: what a server answered, as far as uploads and downloads need it
 *
 *   Ownership  response_done() frees what is inside; a zeroed one is fine
 */

#include <stdbool.h>
#include <stdint.h>

#include "digest/digest_algorithm.h"

enum {
    RESPONSE_REASON_BYTES = 256
};

struct response {
    int status; /* 0: none came */
    /* Why none came, or the first line of the body that came; may be empty. */
    char reason[RESPONSE_REASON_BYTES];
    uint64_t sent;  /* bytes of body that left, over all redirects */
    uint64_t taken; /* bytes of body that the server can have: libcurl took them for it */

    bool offset_known, length_known;
    uint64_t offset, length;  /* Upload-Offset, Upload-Length */
    bool complete_known;      /* Upload-Complete came */
    bool complete;            /* and was ?1 */
    uint64_t size_max;        /* Upload-Limit: max-size, or Tus-Max-Size; 0: none is told */
    uint64_t append_max;      /* Upload-Limit: max-append-size; 0: none is told */
    bool length_deferred;     /* Upload-Defer-Length: 1 */
    uint64_t retry_after_s;   /* Retry-After, 0: none */
    char *asked;              /* the URL that answered, after redirects */
    char *location;           /* as it came, relative to asked */
    char *metadata, *expires; /* Upload-Metadata, Upload-Expires */

    bool size_known; /* of the whole file: Content-Range, or Content-Length of a 200 */
    uint64_t size;
    uint64_t begin;             /* of a 206: its first byte */
    bool begin_known;           /* by one range that is understood */
    char *etag;                 /* a strong one */
    char *disposition;          /* Content-Disposition */
    char *type;                 /* Content-Type */
    bool tus_told;              /* Tus-Resumable came */
    char *extensions;           /* Tus-Extension */
    char *algorithms;           /* Tus-Checksum-Algorithm */
    struct digest_value digest; /* of the whole file: Ferry-Digest, Repr-Digest */
};

void response_done(struct response *response);

/* Reads the fields of a CURL handle that has got the header of its final answer. */
void response_read(struct response *response, void *easy);

/* The upload that HEAD tells of is complete: by its numbers, and by the server's word if it gives it. */
bool response_complete(const struct response *response);

/* "the server answered 413: too large", or the reason why no answer came. */
void response_describe(const struct response *response, char text[static RESPONSE_REASON_BYTES]);
