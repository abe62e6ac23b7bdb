#pragma once

/*
 * Watching: GET of an upload, and of /api/events on the operator's listener, as a stream of events
 *
 * What is sent is described in spec/openapi.yaml; how, in server/events.h and server/audience.h.
 *
 *   Source   HTML, "Server-sent events"
 */

#include <stdbool.h>

struct exchange;

/* Whether the client would rather have events than bytes or the status. */
bool watch_preferred(const struct exchange *exchange);

/* The upload that the path names. Waits. */
int watch(struct exchange *exchange);

/* All of them. */
int watch_all(struct exchange *exchange);
