#pragma once

/*
 * Uploads on a server: one function per request of tus 1.0.0
 *
 *   Terms   upload, offset, length: tus 1.0.0
 *   Errors  enum outcome; unless it is OUTCOME_OK, answer.reason says why in one line
 */

#include "tools/ferry/transfer.h"

enum outcome {
    OUTCOME_OK,
    OUTCOME_RETRY,   /* it may work later; ask for the offset first */
    OUTCOME_GONE,    /* there is no such upload (any more) */
    OUTCOME_REFUSED, /* nor will it work later */
    OUTCOME_STOPPED, /* it is time to stop */
    OUTCOME_BROKEN,  /* the source failed, and it is said */
};

struct answer {
    char reason[RESPONSE_REASON_BYTES];
    uint64_t retry_after_s; /* with OUTCOME_RETRY: what the server asks for */
    uint64_t sent, taken;   /* bytes of body that left, and that the server can have */
    bool damaged;           /* with OUTCOME_RETRY: the checksum was another when they arrived */
};

struct creation {
    bool length_known; /* otherwise it is deferred */
    uint64_t length;
    const char *metadata; /* Upload-Metadata, or NULL */
};

/* POST: the URL of a new upload; free() it. */
enum outcome upload_create(struct transfer *transfer, const char *endpoint,
                           const struct creation *creation, char **ret_url, struct answer *answer);

/* HEAD: response holds what the server says of the upload; response_done() it in any case. */
enum outcome upload_ask(struct transfer *transfer, const char *url, struct response *response,
                        struct answer *answer);

/*
 * The same without telling the server that this is about resuming: nobody who is sending is
 * disturbed.
 */
enum outcome upload_look(struct transfer *transfer, const char *url, struct response *response,
                         struct answer *answer);

/* How the bytes of a piece are checked by the server. */
struct checking {
    enum digest_algorithm algorithm; /* DIGEST_NONE: not at all */
    bool trailer; /* behind the bytes; otherwise before, and they are read twice */
};

/* OPTIONS: response holds what the server can do; response_done() it in any case. */
enum outcome upload_options(struct transfer *transfer, const char *url, struct response *response,
                            struct answer *answer);

struct piece {
    struct source *source;
    uint64_t offset, count;
    bool length_known; /* declare the length: it was deferred at creation */
    uint64_t length;
    struct checking checking;
    void (*moved)(void *context, uint64_t sent);
    void (*passed)(void *context, uint64_t offset, struct bytes bytes); /* of the source */
    void *context;
};

/* PATCH: the offset afterwards, from piece->offset to piece->offset + piece->count. */
enum outcome upload_append(struct transfer *transfer, const char *url, const struct piece *piece,
                           uint64_t *ret_offset, struct answer *answer);

struct reading {
    uint64_t offset;  /* from where on; 0: all of it */
    const char *etag; /* with an offset: of the file that the part has to be of */
    bool (*begin)(void *context, const struct response *response); /* see struct request */
    bool (*take)(void *context, struct bytes bytes);
    void *context;
};

/* GET: the file itself, or the rest of it. */
enum outcome upload_read(struct transfer *transfer, const char *url, const struct reading *reading,
                         struct response *response, struct answer *answer);

/* DELETE. */
enum outcome upload_terminate(struct transfer *transfer, const char *url, struct answer *answer);
