#pragma once

/* What transfer.c and transfer_callbacks.c share. */

#include <curl/curl.h>

#include "tools/ferry/transfer.h"

struct transfer {
    struct transfer_options options;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *fields;

    /* of the request that runs */
    const struct request *request;
    struct response *response;
    const char *url; /* that is asked */
    struct interim interim;
    uint64_t position;   /* in the body: what libcurl has taken */
    uint64_t body_count; /* of the answer */
    size_t taken_ahead;  /* of what libcurl will hand over again, after a pause */
    curl_off_t moved;    /* bytes in both directions, as of moved_ms */
    uint64_t moved_ms;
    bool paused, reason_ended;
    bool begun; /* request->begin() was called */
    bool broken;
    bool trailed; /* the handle has sent a trailer */
    char error[CURL_ERROR_SIZE];
};

/* libcurl asks for the next bytes of the body. */
size_t transfer_read(char *buffer, size_t size, size_t count, void *context);

/* libcurl asks what goes behind the body. */
int transfer_trailer(struct curl_slist **list, void *context);

/* libcurl wants to send the body again, over another connection: only if nothing of it has left. */
int transfer_seek(void *context, curl_off_t offset, int origin);

/*
 * Hands the body to whoever wants it. Of any other answer keeps the first line: most servers say
 * there what was wrong.
 */
size_t transfer_write(const char *buffer, size_t size, size_t count, void *context);

/* libcurl has got a line of a header, of an interim response or of the answer. */
size_t transfer_header(const char *line, size_t size, size_t count, void *context);

/* Shows the answer, once, to the request that wants its body; false: it ends here. */
bool transfer_begin(struct transfer *transfer, long status);

/* Sets up a socket before it is connected. */
int transfer_socket(void *context, curl_socket_t fd, curlsocktype purpose);
