#pragma once

/*
 * The operator's listener
 *
 * A server of its own beside the endpoint's, with its own connections, loop and routes: a flood on the
 * endpoint does not shut the operator out, and what the endpoint does for web pages and for tus (CORS,
 * X-HTTP-Method-Override) is not there.
 *
 *   Who may     on a unix socket, whose file only its owner can connect to (mode 0600): who gets there,
 *               unless a web page had its browser do so through a forwarded port. On TCP: who shows the
 *               token, whatever the path.
 *   Context     a struct admin, which begins with a struct service: handlers of both listeners call
 *               service_of(), those of this one admin_of(), too
 *   Routes      one table in admin.c
 *   Errors      0, or -errno after one clear line
 *
 * Calling sequence:  admin_door_open  admin_start  admin_announce_stop  (the endpoint's server stops)  admin_stop
 *                    admin_door_close
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/listener.h"
#include "server/pulse.h"
#include "server/rates.h"
#include "server/server.h"
#include "server/service.h"
#include "server/trial.h"

/* Where uploads are managed; the id follows. */
#define ADMIN_UPLOADS "/api/uploads/"

enum {
    ADMIN_CONNECTIONS = 256,
    ADMIN_WATCHERS = ADMIN_CONNECTIONS / 4
};

/* Where the operator comes in, and what is asked of him there. */
struct admin_door {
    struct listener listener; /* zeroed: there is none */
    char *token;              /* NULL: none is asked for */
};

struct admin {
    struct service service;  /* first: service_of() */
    struct server *endpoint; /* its server, whose counts may be told */
    const char *token;       /* NULL: none is asked for */
    uint64_t started_ms;     /* of the monotonic clock */
    atomic_bool stopping;    /* the endpoint takes no more requests */
    uint64_t min_free_bytes;
    const char *version;
    bool metrics_tusd_names; /* beside our own */

    struct rates rates;
    struct trial trial;
    struct pulse *pulse;

    struct server *server;
};

struct admin_place {
    const char *listen;     /* as listener.h says; NULL: unix:DATA/admin.sock */
    const char *token_file; /* NULL: DATA/api-token, made when it is missing */
    const char *data;       /* which a store has claimed */
};

struct admin_options {
    struct admin_door *door;       /* borrowed until admin_stop() */
    const struct service *service; /* of the endpoint; borrowed, like what it points to */
    struct server *endpoint;       /* borrowed until admin_stop() */
    unsigned header_timeout_s, idle_timeout_s;
    uint64_t min_free_bytes; /* see store_options */
    const char *version;     /* of Ferry; borrowed */
    bool metrics_tusd_names; /* beside our own */
};

/*
 * Without a place of its own being named, a listener that cannot be opened is a warning, and there is none.
 * The socket file of a server that was killed is replaced.
 */
int admin_door_open(const struct admin_place *place, struct admin_door *ret_door);
void admin_door_close(struct admin_door *door);

/* Without a listener ret_admin is NULL. */
int admin_start(const struct admin_options *options, struct admin **ret_admin);

/* /readyz says no from here on. NULL is fine. */
void admin_announce_stop(struct admin *admin);

/* As server_stop(), and frees it. NULL is fine. */
int admin_stop(struct admin *admin);

struct admin *admin_of(const struct exchange *exchange);

/* What the endpoint has done since the start. */
struct rates_sample admin_sample(struct admin *admin);
