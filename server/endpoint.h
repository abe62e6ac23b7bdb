#pragma once

/*
 * The endpoint: the operations on uploads, and where they are
 *
 *   Ownership  routes point into the struct and to base_path: neither may move while they are used
 *   Context    of the handlers: a struct service, see service.h
 */

#include "server/route.h"

enum {
    ENDPOINT_ROUTES = 10
};

struct endpoint {
    char upload[256]; /* the base path and a star */
    struct route routes[ENDPOINT_ROUTES];
};

/* The base path is borrowed; it begins and ends with '/' and has fewer than 200 bytes. */
void endpoint_init(struct endpoint *endpoint, const char *base_path);
