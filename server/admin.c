#define LOG_MODULE "admin"
#include "server/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "protocol/bearer.h"
#include "protocol/page_request.h"
#include "server/health.h"
#include "server/listing.h"
#include "server/manage.h"
#include "server/metrics_page.h"
#include "server/ready.h"
#include "server/stats.h"
#include "server/token.h"
#include "server/watch.h"

enum {
    WORKERS = 2,
    READERS = 1,
    WAITING_MAX = ADMIN_CONNECTIONS,
};

static const struct route routes[] = {
    { "GET", "/healthz", health },
    { "GET", "/readyz", ready },
    { "GET", "/api/uploads", listing },
    { "GET", ADMIN_UPLOADS "*", manage_tell },
    { "DELETE", ADMIN_UPLOADS "*", manage_delete },
    { "POST", ADMIN_UPLOADS "*/expire", manage_expire },
    { "GET", "/api/stats", stats },
    { "GET", "/api/events", watch_all },
    { "GET", "/metrics", metrics_page },
};

struct admin *admin_of(const struct exchange *exchange)
{
    return exchange_context(exchange);
}

/* A token is known to no web page, so who shows it may ask by any name: that of a proxy, of a container.
 * Without one, only the request itself can tell. */
static int admin_admit(struct exchange *exchange)
{
    const struct message *message = exchange_message(exchange);
    const struct admin *admin = admin_of(exchange);

    int r = admin->token != NULL ? bearer_check(message, bytes_of_text(admin->token))
                                 : page_request_check_host(message);
    return r == 0 ? page_request_check(message) : r;
}

static void admin_finish(struct exchange *exchange, struct answer *answer)
{
    (void)exchange;
    answer_field(answer, "X-Content-Type-Options", "nosniff");
    if (!answer_has_field(answer, "Cache-Control"))
        answer_field(answer, "Cache-Control", "no-store");
}

struct rates_sample admin_sample(struct admin *admin)
{
    struct exchanges_counts counts = server_counts(admin->endpoint);

    return (struct rates_sample){
        .at_ms = clock_monotonic_ms(),
        .received_bytes = counts.received_bytes,
        .acknowledged_bytes = store_statistics(admin->service.store).acknowledged_bytes,
        .requests = counts.begun,
    };
}

static void admin_beat(void *argument)
{
    struct admin *admin = argument;
    struct rates_sample sample = admin_sample(admin);

    rates_keep(&admin->rates, &sample);
    trial_beat(&admin->trial);
}

/* ---- where the operator comes in ---- */

static bool door_asks_token(const char *where)
{
    return strncmp(where, "unix:", 5) != 0;
}

static int door_read_token(const struct admin_place *place, char **ret_token)
{
    AUTO_FREE char *path = NULL;

    if (place->token_file != NULL)
        return token_read(place->token_file, ret_token);
    if (asprintf(&path, "%s/api-token", place->data) >= 0)
        return token_read_or_make(path, ret_token);
    path = NULL;
    return fail_code(ENOMEM, "start the operator's listener");
}

/* The token first: nobody is listened to who could not be asked for it. */
static int door_listen(const struct admin_place *place, struct admin_door *door)
{
    AUTO_FREE char *where = NULL;

    int count = place->listen != NULL ? asprintf(&where, "%s", place->listen)
                                      : asprintf(&where, "unix:%s/admin.sock", place->data);
    if (count < 0) {
        where = NULL;
        return fail_code(ENOMEM, "start the operator's listener");
    }
    int r = door_asks_token(where) ? door_read_token(place, &door->token) : 0;
    return r == 0 ? listener_open_private(where, &door->listener) : r;
}

int admin_door_open(const struct admin_place *place, struct admin_door *ret_door)
{
    struct admin_door door = { 0 };

    int r = door_listen(place, &door);
    if (r != 0)
        admin_door_close(&door);
    if (r != 0 && place->listen == NULL) {
        log_warning("there is no operator's listener; --admin-listen names another place");
        r = 0;
    }
    if (r == 0)
        *ret_door = door;
    return r;
}

void admin_door_close(struct admin_door *door)
{
    listener_close(&door->listener);
    free(door->token);
    *door = (struct admin_door){ 0 };
}

/* ---- start ---- */

static int admin_serve(struct admin *admin, const struct admin_options *options)
{
    struct server_options server = {
        .listeners = &options->door->listener,
        .listener_count = 1,
        .threads = 1,
        .workers = WORKERS,
        .readers = READERS,
        .first_byte_timeout_s = options->header_timeout_s,
        .header_timeout_s = options->header_timeout_s,
        .idle_timeout_s = options->idle_timeout_s,
        .connections_max = ADMIN_CONNECTIONS,
        .connections_per_address_max = ADMIN_CONNECTIONS,
        .fibers_max = ADMIN_CONNECTIONS,
        .waiting_max = WAITING_MAX,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .context = admin,
        .admit = admin_admit,
        .finish = admin_finish,
    };
    return server_start(&server, &admin->server);
}

static struct admin *admin_new(const struct admin_options *options)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    if (admin == NULL) {
        (void)fail_errno("start the operator's listener");
        return NULL;
    }

    admin->service = *options->service;
    admin->endpoint = options->endpoint;
    admin->token = options->door->token;
    admin->started_ms = clock_monotonic_ms();
    admin->min_free_bytes = options->min_free_bytes;
    admin->version = options->version;
    admin->metrics_tusd_names = options->metrics_tusd_names;
    rates_init(&admin->rates);
    trial_init(&admin->trial, options->service->store);
    return admin;
}

static void admin_free(struct admin *admin)
{
    pulse_stop(admin->pulse);
    trial_done(&admin->trial);
    rates_done(&admin->rates);
    server_free(admin->server);
    free(admin);
}

int admin_start(const struct admin_options *options, struct admin **ret_admin)
{
    if (!options->door->listener.open) {
        *ret_admin = NULL;
        return 0;
    }
    struct admin *admin = admin_new(options);
    if (admin == NULL)
        return -ENOMEM;

    admin_beat(admin); /* rates are those since the start, as long as that is no minute ago */
    int r = pulse_start(admin_beat, admin, &admin->pulse);
    if (r == 0)
        r = admin_serve(admin, options);
    if (r != 0) {
        admin_free(admin);
        return r;
    }

    log_info("the operator's listener is at %s", server_url(admin->server, 0));
    *ret_admin = admin;
    return 0;
}

/* ---- stop ---- */

void admin_announce_stop(struct admin *admin)
{
    if (admin != NULL)
        atomic_store(&admin->stopping, true);
}

int admin_stop(struct admin *admin)
{
    if (admin == NULL)
        return 0;

    int r = server_stop(admin->server);
    if (r == 0)
        admin_free(admin);
    return r;
}
