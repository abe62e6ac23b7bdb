#pragma once

/*
 * Routes: which handler answers which method on which path
 *
 * A path in the table is matched whole ("/healthz"), or, when it has a "*", with any one non-empty
 * segment in its place ("/files/" and a star: every upload). Of several that match, the first one in the
 * table is the resource, with all its methods. A HEAD goes to the GET of a path that has
 * no HEAD of its own. Percent-encoding is not undone: no resource of ours needs it.
 */

#include <stddef.h>

#include "base/bytes.h"

struct exchange;

/* Runs on a fiber; may wait. 0 with an answer given, a refusal, or -errno: see server/answer.h. */
typedef int handler(struct exchange *exchange);

struct route {
    const char *method;
    const char *path;
    handler *handle;
};

enum {
    ROUTE_ALLOW_BYTES = 128
};

/*
 * Refuses with REFUSED_TARGET when no route has the path, with REFUSED_METHOD when those that have it
 * have other methods: allow is their list then, and empty otherwise.
 */
int route_find(const struct route *routes, size_t count, struct bytes method, struct bytes path,
               const struct route **ret_route, char allow[static ROUTE_ALLOW_BYTES]);
