/*
 * ferryd
 *
 * Exit status: 0 after SIGTERM or SIGINT, 1 when the server cannot start or stop as it should, 2 when
 * the command line is wrong; of --verify: server/verify.h.
 */
#define LOG_MODULE "ferryd"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fail.h"
#include "protocol/tus_extension.h"
#include "server/admin.h"
#include "server/audience.h"
#include "server/endpoint.h"
#include "server/linger.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/sandbox.h"
#include "server/server.h"
#include "server/service.h"
#include "server/syscall_filter.h"
#include "server/user.h"
#include "server/verify.h"
#include "storage/store.h"

enum {
    DESCRIPTORS_BESIDES = 256 + 512 +
                          LINGER_SOCKETS + /* besides connections: epoll, database, uploads */
                          ADMIN_CONNECTIONS + LINGER_SOCKETS,
    FIBERS_MAX = 20000, /* two mappings each; the system allows 65530 (vm.max_map_count) */
    WORKERS = 4,        /* storage has threads of its own: --io-threads */
    READERS = 8,
    WAITING_MAX = 4096, /* jobs that wait for a worker */
};

/* What is opened in the place of one that is closed would be written to: the line on standard output, the log. */
static int standard_files_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return fail_errno("open /dev/null, as descriptor %d is closed", fd);
    return 0;
}

/* The descriptors that the system allows, all of them; fewer connections where that is not enough. */
static void limits_raise(struct options *options)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("cannot raise the limit of open files to %llu",
                    (unsigned long long)limit.rlim_max);

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < (rlim_t)options->max_connections + DESCRIPTORS_BESIDES) {
        rlim_t besides = DESCRIPTORS_BESIDES;
        unsigned possible = (unsigned)(limit.rlim_cur > 2 * besides ? limit.rlim_cur - besides
                                                                    : limit.rlim_cur / 2);
        log_warning("open files are limited to %llu: max-connections is %u, not %u",
                    (unsigned long long)limit.rlim_cur, possible, options->max_connections);
        options->max_connections = possible;
    }
}

static void signals_block(sigset_t *ret_signals)
{
    (void)sigemptyset(ret_signals);
    (void)sigaddset(ret_signals, SIGTERM);
    (void)sigaddset(ret_signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Who waits for that line finds in the log what was said on the way there. */
static void say_where(const struct server *server, const struct options *options)
{
    log_flush();
    for (size_t i = 0; server_url(server, i) != NULL; i++) {
        const char *url = server_url(server, i);
        bool has_path = strncmp(url, "http://", 7) == 0;
        (void)printf("listening on %s%s\n", url, has_path ? options->base_path : "");
    }
    (void)fflush(stdout);
}

/* ---- rights ---- */

/* What was given up, as far as the kernel has it. */
struct bounds {
    int landlock; /* see server/sandbox.h */
    int filtered; /* see server/syscall_filter.h */
};

/* That user makes it, whose rights lead to nothing of others; root does where that user may not. */
static int directory_give(const struct options *options, const struct user *user)
{
    bool there = false;

    int r = user_act(user);
    if (r != 0)
        return r;
    r = store_make_directory(options->data, &there);
    int back = user_act_as_root();
    if (r != 0 || back != 0)
        return r != 0 ? r : back;
    return there ? 0 : store_make_directory_for(options->data, user->id, user->group);
}

/* What only root can do is done then: the sockets are there, and the directory is made for who comes now.
 * Without listeners nothing is made. */
static int root_give_up(const struct options *options, const struct listener *listeners)
{
    struct user user;

    if (options->user == NULL)
        return 0;
    int r = user_find(options->user, &user);
    bool serves = listeners != NULL && geteuid() == 0;
    if (r == 0 && serves)
        r = directory_give(options, &user);
    if (r == 0 && serves)
        r = listeners_give(listeners, options->listen_count, user.id, user.group);
    return r == 0 ? user_become(&user) : r;
}

/* The files of uploads may lie on another disk, behind a link. */
static int confine(const struct options *options, const struct listener *listeners,
                   const struct admin_door *door, struct bounds *ret_bounds)
{
    char files[PATH_MAX];
    struct sandbox_place places[OPTIONS_LISTEN_MAX + 3] = {
        { .path = options->data, .use = SANDBOX_STORE },
        { .path = files, .use = SANDBOX_STORE },
        { .path = door != NULL ? door->listener.file : NULL, .use = SANDBOX_CLEAR },
    };

    (void)snprintf(files, sizeof(files), "%s/files", options->data);
    for (size_t i = 0; listeners != NULL && i < options->listen_count; i++)
        places[3 + i] = (struct sandbox_place){ .path = listeners[i].file, .use = SANDBOX_CLEAR };
    int r = user_drop_capabilities();
    if (r == 0)
        r = sandbox_enter(options->sandbox ? SANDBOX_ON : SANDBOX_OFF, places,
                          sizeof(places) / sizeof(places[0]), &ret_bounds->landlock);
    return r == 0 && options->sandbox ? syscall_filter_enter(&ret_bounds->filtered) : r;
}

static void say_rights(const struct options *options, const struct bounds *bounds)
{
    if (geteuid() == 0)
        log_info("runs as root; --user NAME would give that up");
    if (bounds->landlock < 0)
        log_warning("files outside of %s can be opened, as there is no Landlock: %s", options->data,
                    strerrordesc_np(-bounds->landlock));
    if (bounds->filtered < 0)
        log_warning("any system call can be made, as there is no seccomp: %s",
                    strerrordesc_np(-bounds->filtered));
    if (bounds->landlock > 0 || bounds->filtered > 0)
        log_info("confined to %s landlock=%d seccomp=%s", options->data,
                 bounds->landlock > 0 ? bounds->landlock : 0, bounds->filtered > 0 ? "on" : "none");
    else
        log_info("not confined to %s%s", options->data, options->sandbox ? "" : ": --sandbox off");
}

/* ---- the servers ---- */

/* What a server has open by name before it serves. */
struct opened {
    struct events *events;
    struct listener listeners[OPTIONS_LISTEN_MAX];
    struct store *store;
    struct admin_door door;
    struct bounds bounds;
    struct audience *audience; /* later: it has a thread */
};

/* Where uploads are, and beside it where the operator is; each NULL when it could not be started. */
struct servers {
    struct endpoint endpoint;
    struct service service;
    struct server *server;
    struct admin *admin;
};

static struct service service_from(const struct options *options, struct store *store,
                                   struct audience *audience)
{
    return (struct service){
        .store = store,
        .audience = audience,
        .base_path = options->base_path,
        .public_url = options->public_url,
        .limits = { .max_size = options->max_size },
        .extensions = TUS_CREATION | TUS_CREATION_WITH_UPLOAD | TUS_CREATION_DEFER_LENGTH |
                      TUS_CHECKSUM | TUS_CHECKSUM_TRAILER | TUS_TERMINATION | TUS_CONCATENATION |
                      TUS_CONCATENATION_UNFINISHED |
                      (options->expire_after_s > 0 ? TUS_EXPIRATION : 0),
        .ietf_limits = { .max_size = options->max_size,
                         .min_size = options->min_size,
                         .max_append_size = options->max_append_size,
                         .min_append_size = options->min_append_size },
        .expire_after_s = options->expire_after_s,
        .cors_origins = options->cors_origins,
        .digest_algorithm = options->digest,
    };
}

static int endpoint_start(struct servers *servers, const struct options *options,
                          struct listener *listeners)
{
    struct server_options server_options = {
        .listeners = listeners,
        .listener_count = options->listen_count,
        .threads = options->threads,
        .workers = WORKERS,
        .readers = READERS,
        .first_byte_timeout_s = options->header_timeout_s,
        .header_timeout_s = options->header_timeout_s,
        .idle_timeout_s = options->idle_timeout_s,
        .connections_max = options->max_connections,
        .connections_per_address_max = options->max_connections_per_address > 0
                                           ? options->max_connections_per_address
                                           : (options->max_connections + 3) / 4,
        .fibers_max = options->max_connections < FIBERS_MAX ? options->max_connections : FIBERS_MAX,
        .waiting_max = WAITING_MAX,
        .routes = servers->endpoint.routes,
        .route_count = ENDPOINT_ROUTES,
        .context = &servers->service,
        .method_override = true,
        .finish = service_finish,
        .count = service_count,
        .trusted = &options->trusted_proxies,
    };

    endpoint_init(&servers->endpoint, options->base_path);
    return server_start(&server_options, &servers->server);
}

static int operator_start(struct servers *servers, const struct options *options,
                          struct admin_door *door)
{
    struct admin_options admin_options = {
        .door = door,
        .service = &servers->service,
        .endpoint = servers->server,
        .header_timeout_s = options->header_timeout_s,
        .idle_timeout_s = options->idle_timeout_s,
        .min_free_bytes = options->min_free,
        .version = FERRY_VERSION,
        .metrics_tusd_names = options->metrics_tusd_names,
    };

    return admin_start(&admin_options, &servers->admin);
}

/* The operator sees the end of the endpoint, and is the last to go. */
static void servers_stop(struct servers *servers)
{
    admin_announce_stop(servers->admin);
    audience_stop(servers->service.audience);
    int r = server_stop(servers->server);
    if (r == 0)
        r = admin_stop(servers->admin);
    if (r != 0)
        fail_fatal("some threads did not come to their end"); /* they use what is on our stack */
    server_free(servers->server);
}

/* Serves until a signal comes. */
static int serve(const struct options *options, struct opened *opened, const sigset_t *signals)
{
    struct servers servers = { .service = service_from(options, opened->store, opened->audience) };
    int number = 0;

    servers.service.metrics = metrics_new();
    if (servers.service.metrics == NULL)
        return -ENOMEM;
    int r = endpoint_start(&servers, options, opened->listeners);
    if (r == 0)
        r = operator_start(&servers, options, &opened->door);
    if (r == 0) {
        say_rights(options, &opened->bounds);
        say_where(servers.server, options);
        (void)sigwait(signals, &number);
        log_info("stopping signal=%d", number);
    }
    servers_stop(&servers);
    metrics_free(servers.service.metrics);
    return r;
}

/* Events are the same for all, so what stands before a name in a URL is, too. */
static int events_start(const struct options *options, struct events **ret_events)
{
    bool has_base =
        options->public_url != NULL && strcmp(options->public_url, PUBLIC_URL_FORWARDED) != 0;
    struct events_options events_options = {
        .url_base = has_base ? options->public_url : options->base_path,
        .history = EVENTS_HISTORY,
        .uploads = EVENTS_UPLOADS,
    };

    return events_new(&events_options, ret_events);
}

static int watching_start(const struct options *options, struct events *events,
                          struct audience **ret_audience)
{
    struct audience_options audience_options = {
        .events = events,
        .watchers_max =
            options->max_watchers > 0 ? options->max_watchers : (options->max_connections + 3) / 4,
        .all_max = ADMIN_WATCHERS,
    };

    return audience_start(&audience_options, ret_audience);
}

static int door_open(const struct options *options, struct admin_door *ret_door)
{
    struct admin_place place = {
        .listen = options->admin_listen,
        .token_file = options->api_token_file,
        .data = options->data,
    };

    if (options->admin_listen != NULL && strcmp(options->admin_listen, "none") == 0)
        return 0;
    return admin_door_open(&place, ret_door);
}

static int store_take(const struct options *options, struct events *events,
                      struct store **ret_store)
{
    struct store_options store_options = {
        .directory = options->data,
        .io_threads = options->io_threads,
        .buffer_bytes = options->buffer_memory,
        .min_free_bytes = options->min_free,
        .expire_after_s = options->expire_after_s,
        .tombstone_s = options->remember_gone_s,
        .materialise = options->materialise,
        .observer = { .see = events_observe, .argument = events },
    };

    return store_claim(&store_options, ret_store);
}

/*
 * All that is opened by name, and then the rights to do so are given up; no thread is started before that.
 * First the sockets, then the store: a server that cannot listen touches no data.
 */
static int open_all(struct options *options, struct opened *opened)
{
    limits_raise(options);
    int r = events_start(options, &opened->events);
    if (r == 0)
        r = listeners_open(options->listen, options->listen_count, opened->listeners);
    if (r == 0)
        r = root_give_up(options, opened->listeners);
    if (r == 0)
        r = store_take(options, opened->events, &opened->store);
    if (r == 0)
        r = door_open(options, &opened->door);
    if (r == 0)
        r = confine(options, opened->listeners, &opened->door, &opened->bounds);
    return r;
}

static void close_all(struct options *options, struct opened *opened)
{
    audience_stop(opened->audience);
    admin_door_close(&opened->door);
    listeners_close(opened->listeners, options->listen_count);
    store_close(opened->store); /* commits what closed uploads still hold */
    audience_free(opened->audience);
    events_free(opened->events);
}

static int run(struct options *options, const sigset_t *signals)
{
    struct opened opened = { 0 };

    int r = open_all(options, &opened);
    if (r == 0)
        r = log_start();
    if (r == 0)
        r = store_start(opened.store);
    if (r == 0)
        r = watching_start(options, opened.events, &opened.audience);
    if (r == 0)
        r = serve(options, &opened, signals);
    close_all(options, &opened);
    log_stop();
    return r;
}

static int main_run(struct options *options)
{
    sigset_t signals;

    signals_block(
        &signals); /* before any thread is started: they all have the mask of the first one */
    log_set_level(options->log_level);
    log_set_format(options->log_format);
    return run(options, &signals) == 0 ? 0 : 1;
}

static int main_verify(const struct options *options)
{
    struct bounds bounds = { 0 };
    int status = 1;

    log_set_level(options->log_level);
    log_set_format(options->log_format);
    int r = root_give_up(options, NULL);
    if (r == 0)
        r = confine(options, NULL, NULL, &bounds);
    if (r == 0)
        r = log_start();
    if (r == 0)
        status = verify_print(options->data);
    log_stop();
    return status;
}

static int main_act(enum options_result wanted, struct options *options)
{
    switch (wanted) {
    case OPTIONS_RUN: return main_run(options);
    case OPTIONS_VERIFY: return main_verify(options);
    case OPTIONS_HELP: options_print_help(stdout); return 0;
    case OPTIONS_VERSION: (void)puts("ferryd " FERRY_VERSION); return 0;
    case OPTIONS_BAD: return 2;
    }
    return 2;
}

int main(int argc, char **argv)
{
    struct options options;

    if (standard_files_open() != 0)
        return 1;
    enum options_result wanted = options_parse(argc, argv, &options);
    int status = main_act(wanted, &options);
    options_done(&options);
    return status;
}
