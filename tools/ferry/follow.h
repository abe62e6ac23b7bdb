#pragma once

/*
 * Following: ferry status --follow, somebody else's upload until its end
 *
 * The server tells what happens as it happens, by server-sent events; one that does not is asked for the
 * offset every second, in a way that disturbs nobody.
 */

#include "tools/ferry/session.h"

/* The exit status: 0 when the upload is complete. The response is of session_look(). */
int follow(struct session *session, const struct response *response);
