#pragma once

/*
 * Sessions: the server that a command's URL names, and the patience with it
 *
 *   Ownership  session_close() frees what is inside; a zeroed one is fine. The options and the pace
 *              are borrowed
 *   Threads    one
 */

#include "tools/ferry/backoff.h"
#include "tools/ferry/options.h"
#include "tools/ferry/upload.h"

struct session {
    const struct options *options;
    struct pace *pace;
    struct address address; /* what the URL says */
    struct transfer *transfer;
};

/*
 * 0; otherwise an exit status, and it is said. The sentence is for a URL that is none, and says
 * what is wanted in its place. The pace is of what is sent or
 * taken; NULL where nothing is.
 */
int session_open(const struct options *options, struct pace *pace, const char *wanted,
                 struct session *ret_session);

/* The same server over another connection. */
int session_open_another(const struct session *session, struct session *ret_session);
void session_close(struct session *session);

struct backoff session_backoff(const struct session *session);

/*
 * What the server says of the upload that the URL names (upload_look()); tried again while that
 * makes sense. False when it says nothing, and it is said. response_done() in any case.
 */
bool session_look(struct session *session, struct response *response);
