#pragma once

/*
 * Transfers: one HTTP request and its response, by libcurl
 *
 * Connections are kept for the next request. 307 and 308 are followed with the same method and
 * body; by GET also 301, 302 and 303. A transfer always ends: with an answer, without one when no byte moved for the time
 * allowed, or when it is time to stop (stop.h). libcurl never sends a body twice by itself: when a
 * connection breaks, the offset has to be asked for.
 *
 * Fields the user gave (--header) go along everywhere; Authorization and Cookie, and a user and
 * password from the URL, only to the scheme, host and port that the user named.
 *
 *   Ownership  transfer_free() takes it back, NULL is fine; the options' texts are borrowed
 *   Threads    one
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "tools/ferry/address.h"
#include "tools/ferry/interim.h"
#include "tools/ferry/pace.h"
#include "tools/ferry/response.h"
#include "tools/ferry/source.h"

enum {
    REQUEST_FIELDS_MAX = 8,
};

struct transfer_options {
    const struct address *address; /* what the user named */
    const char *const *headers;    /* "Name: value" */
    size_t header_count;
    struct pace
        *pace; /* of the bodies that are sent or taken, shared with other transfers; or NULL */
    const char *socket; /* a unix socket that leads to every server; NULL: by the URL */
    unsigned timeout_s; /* without a byte moved; 0: no limit */
};

struct request {
    const char *method, *url;
    const char *fields[REQUEST_FIELDS_MAX];      /* "Name: value", NULL behind the last */
    struct source *source;                       /* the body; NULL: none */
    uint64_t offset, count;                      /* its place in the source */
    void (*moved)(void *context, uint64_t sent); /* now and then; may be NULL */

    /*
     * Sees every interim response (1xx), and the URL that was asked, while the body is on its way; may
     * be NULL. False ends the transfer: TRANSFER_BROKEN, and it has said why.
     */
    bool (*interim)(void *context, const char *asked, const struct interim *interim);

    /* Sees the body on its way out, from its beginning with every redirect; may be NULL. */
    void (*passed)(void *context, uint64_t position, struct bytes bytes);

    /* The field "Name: value" that goes behind the body, which then goes out in chunks, by HTTP/1.1;
     * NULL: none. */
    const char *(*trailer)(void *context);

    /*
     * What becomes of a 2xx answer's body: begin() sees the answer first, take() every piece.
     * False ends the transfer: TRANSFER_ANSWERED after begin(), TRANSFER_BROKEN after take(), which
     * has said why. NULL: nobody wants it.
     */
    bool (*begin)(void *context, const struct response *response);
    bool (*take)(void *context, struct bytes bytes);
    void *context;
};

/* Another field; NULL is none. It is borrowed. */
void request_add(struct request *request, const char *field);

enum transfer_result {
    TRANSFER_ANSWERED,   /* response->status is at least 200 */
    TRANSFER_LOST,       /* no answer came; another try may get one. reason says why */
    TRANSFER_IMPOSSIBLE, /* nor would another try. reason says why */
    TRANSFER_STOPPED,    /* it is time to stop */
    TRANSFER_BROKEN,     /* a body could not be read or taken, and it is said */
};

struct transfer;

int transfer_new(const struct transfer_options *options, struct transfer **ret_transfer);
void transfer_free(struct transfer *transfer);
static inline void transfer_freep(struct transfer **transfer)
{
    transfer_free(*transfer);
}

/* Fills in the response whatever the result is; response_done() frees what it holds. */
enum transfer_result transfer_run(struct transfer *transfer, const struct request *request,
                                  struct response *response);
