#pragma once

/*
 * Uploads on a server: the requests that are the same in every protocol, and what answers mean
 *
 * Those that differ are behind protocol.h.
 *
 *   Terms   upload, offset, length: tus 1.0.0
 *   Errors  enum outcome; unless it is OUTCOME_OK, answer.reason says why in one line
 */

#include "tools/ferry/metadata.h"
#include "tools/ferry/transfer.h"

enum outcome {
    OUTCOME_OK,
    OUTCOME_RETRY,   /* it may work later; ask for the offset first */
    OUTCOME_SMALLER, /* not so many bytes in one request; ask for the offset first */
    OUTCOME_GONE,    /* there is no such upload (any more) */
    OUTCOME_REFUSED, /* nor will it work later */
    OUTCOME_STOPPED, /* it is time to stop */
    OUTCOME_BROKEN,  /* the source failed, and it is said */
};

struct answer {
    int status; /* 0: none came */
    char reason[RESPONSE_REASON_BYTES];
    uint64_t retry_after_s; /* with OUTCOME_RETRY: what the server asks for */
    uint64_t sent, taken;   /* bytes of body that left, and that the server can have */
    bool damaged;           /* with OUTCOME_RETRY: the checksum was another when they arrived */
};

/* Runs the request. OUTCOME_OK: there is an answer, of any status, and its reason is filled in. */
enum outcome upload_run(struct transfer *transfer, const struct request *request,
                        struct response *response, struct answer *answer);

/* The same, and what the status means by tus and HTTP. */
enum outcome upload_request(struct transfer *transfer, const struct request *request,
                            struct response *response, struct answer *answer);

/* OUTCOME_REFUSED, and why. */
enum outcome upload_refuse(struct answer *answer, const char *reason);

/* HEAD, with a field that names the protocol or NULL: OUTCOME_OK with an offset that can be. */
enum outcome upload_head(struct transfer *transfer, const char *url, const char *version,
                         struct response *response, struct answer *answer);

/* The field Upload-Metadata, NULL where there is nothing to tell; free() it. */
enum outcome upload_metadata(const struct metadata *metadata, char **ret_field,
                             struct answer *answer);

/* The URL that the answer to a creation names; free() it. */
enum outcome upload_location(const struct response *response, char **ret_url,
                             struct answer *answer);

/*
 * HEAD without telling the server that this is about resuming: nobody who is sending is disturbed.
 * response_done() in any case.
 */
enum outcome upload_look(struct transfer *transfer, const char *url, struct response *response,
                         struct answer *answer);

/* OPTIONS: response holds what the server can do; response_done() it in any case. */
enum outcome upload_options(struct transfer *transfer, const char *url, struct response *response,
                            struct answer *answer);

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
