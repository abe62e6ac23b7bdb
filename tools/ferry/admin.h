#pragma once

/*
 * Admin listeners: what a server tells its operator there, as JSON
 *
 * A place is "unix:PATH" or PATH of a socket or of the data folder in which admin.sock is, or a URL. A
 * URL needs the token; whoever may open the socket needs none.
 *
 *   Ownership  admin_close() frees what is inside; a zeroed one is fine. The options are borrowed
 *   Threads    one
 *   Source     /api in spec/openapi.yaml
 */

#include <jansson.h>

#include "tools/ferry/options.h"
#include "tools/ferry/upload.h"

struct admin {
    const char *place; /* as the user wrote it */
    char *socket;      /* NULL: the URL's host */
    struct address address;
    char *token; /* the field; NULL: none */
    const char *headers[OPTIONS_HEADERS_MAX + 1];
    struct transfer *transfer;
};

/* 0; otherwise an exit status, and it is said. */
int admin_open(const struct options *options, struct admin *ret_admin);
void admin_close(struct admin *admin);

/* GET of a path with its query: see json_answer_get(). */
enum outcome admin_ask(struct admin *admin, const char *path,
                       void (*tick)(void *context, uint64_t sent), void *context,
                       json_t **ret_object, struct answer *answer);
