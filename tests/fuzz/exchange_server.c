#define LOG_MODULE "fuzz"
#include "tests/fuzz/exchange_server.h"

#include <assert.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "protocol/tus_extension.h"
#include "server/admin.h"
#include "server/audience.h"
#include "server/endpoint.h"
#include "server/fiber.h"
#include "server/metrics.h"
#include "server/server.h"
#include "server/service.h"
#include "storage/store.h"

enum {
    REST_MS =
        20 * 1000, /* for what takes a moment; a sanitizer and a busy machine take their time */
    LOOK_AGAIN_NS = 20 * 1000,
    TIMEOUT_S = 60, /* longer than anything here takes: what comes to its end does so by itself */
    CONNECTIONS = 64,
    SIZE_MAX_BYTES = 1024 * 1024,
    APPEND_MAX_BYTES = 256 * 1024,
    EXPIRE_S = 1, /* the janitor has something to do while a server lives */
    WAL_BYTES = 1024 * 1024,
};

static struct exchange_server {
    char folder[64];
    struct store *store;
    struct events *events;
    struct audience *audience;
    struct endpoint endpoint;
    struct networks trusted;
    struct service service;
    struct listener listener;
    struct server *server;
    struct admin_door door;
    struct admin *admin;
    size_t descriptors; /* when nobody is there */
} the;

static void check(int r, const char *what)
{
    if (r == 0)
        return;
    (void)fprintf(stderr, "cannot %s: %d\n", what, r);
    abort();
}

/* --- start --- */

static void start_storage(void)
{
    struct events_options events = { .url_base = "/files/", .history = 64, .uploads = 64 };

    check(events_new(&events, &the.events), "gather events");
    struct store_options store = {
        .directory = the.folder,
        .io_threads = 1,
        .sync_threads = 1,
        .expire_after_s = EXPIRE_S,
        .tombstone_s = EXPIRE_S,
        .janitor_interval_s = EXPIRE_S,
        .materialise = true,
        .wal_bytes = WAL_BYTES,
        .observer = { .see = events_observe, .argument = the.events },
    };
    check(store_open(&store, &the.store), "open a store");
    struct audience_options audience = { .events = the.events, .watchers_max = 8, .all_max = 8 };
    check(audience_start(&audience, &the.audience), "start an audience");
}

static void start_service(void)
{
    the.service = (struct service){
        .store = the.store,
        .metrics = metrics_new(),
        .audience = the.audience,
        .base_path = "/files/",
        .public_url = PUBLIC_URL_FORWARDED,
        .limits = { .max_size = SIZE_MAX_BYTES },
        .extensions = TUS_CREATION | TUS_CREATION_WITH_UPLOAD | TUS_CREATION_DEFER_LENGTH |
                      TUS_CHECKSUM | TUS_CHECKSUM_TRAILER | TUS_TERMINATION | TUS_CONCATENATION |
                      TUS_CONCATENATION_UNFINISHED | TUS_EXPIRATION,
        .ietf_limits = { .max_size = SIZE_MAX_BYTES,
                         .min_size = 2,
                         .max_append_size = APPEND_MAX_BYTES,
                         .min_append_size = 2 },
        .expire_after_s = EXPIRE_S,
        .cors_origins = "https://app.example",
        .digest_algorithm = DIGEST_SHA256,
    };
    check(the.service.metrics == NULL, "count");
    check(!networks_parse(bytes_of_text("unix"), &the.trusted), "trust");
    endpoint_init(&the.endpoint, the.service.base_path);
}

static void start_endpoint(void)
{
    char where[128];

    (void)snprintf(where, sizeof(where), "unix:%s/endpoint.sock", the.folder);
    check(listener_open(where, &the.listener), "listen");
    struct server_options options = {
        .listeners = &the.listener,
        .listener_count = 1,
        .threads = 1,
        .workers = 1,
        .readers = 1,
        .first_byte_timeout_s = TIMEOUT_S,
        .header_timeout_s = TIMEOUT_S,
        .idle_timeout_s = TIMEOUT_S,
        .connections_max = CONNECTIONS,
        .connections_per_address_max = CONNECTIONS,
        .fibers_max = CONNECTIONS,
        .waiting_max = CONNECTIONS,
        .routes = the.endpoint.routes,
        .route_count = ENDPOINT_ROUTES,
        .context = &the.service,
        .method_override = true,
        .finish = service_finish,
        .count = service_count,
        .trusted = &the.trusted,
    };
    check(server_start(&options, &the.server), "start a server");
}

static void start_operator(void)
{
    struct admin_place place = { .data = the.folder };
    struct admin_options options = {
        .door = &the.door,
        .service = &the.service,
        .endpoint = the.server,
        .header_timeout_s = TIMEOUT_S,
        .idle_timeout_s = TIMEOUT_S,
        .version = "fuzz",
        .metrics_tusd_names = true,
    };
    check(admin_door_open(&place, &the.door), "open the operator's listener");
    check(admin_start(&options, &the.admin), "start the operator's listener");
    check(the.admin == NULL, "start the operator's listener");
}

/* Those of others are not: of the database, which opens some for each thread that reads when it reads first,
 * and of the sanitizers, which talk to a symbolizer. */
static bool descriptor_is_ours(const char *target, size_t count)
{
    return memmem(target, count, "/ferry.db", strlen("/ferry.db")) == NULL &&
           memmem(target, count, "pipe:", strlen("pipe:")) == NULL;
}

/* Says each of them, when that is wanted by who has to find out what it is. */
static size_t descriptors_count(bool say)
{
    size_t total = 0;
    char target[256];
    DIR *folder = opendir("/proc/self/fd");

    check(folder == NULL, "count descriptors");
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        ssize_t count = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target));
        if (count < 0 || !descriptor_is_ours(target, (size_t)count))
            continue;
        total++;
        if (say)
            (void)fprintf(stderr, "%s is %.*s\n", entry->d_name, (int)count, target);
    }
    (void)closedir(folder);
    return total;
}

void exchange_server_start(void)
{
    const char *parent = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): nobody changes it */

    log_set_level(LOG_LEVEL_ERROR);
    (void)snprintf(the.folder, sizeof(the.folder), "%s/ferry-fuzz-XXXXXX",
                   parent != NULL && strlen(parent) < 32 ? parent : "/dev/shm");
    check(mkdtemp(the.folder) == NULL, "make a folder");
    start_storage();
    start_service();
    start_endpoint();
    start_operator();
    the.descriptors = descriptors_count(false);
}

int exchange_server_connect(bool to_the_operator)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    check(fd < 0, "make a socket");
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.sock", the.folder,
                   to_the_operator ? "admin" : "endpoint");
    check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
    return fd;
}

static size_t watchers_count(void)
{
    struct audience_counts counts = audience_counts(the.audience);
    return counts.watchers + counts.all;
}

/* Who watches waits for nobody. */
bool exchange_server_busy(void)
{
    size_t suspended =
        server_counts(the.server).suspended + server_counts(the.admin->server).suspended;

    return suspended > watchers_count();
}

bool exchange_server_watched(void)
{
    return watchers_count() > 0;
}

/* --- what is left --- */

struct remains {
    size_t connections, exchanges, suspended, fibers, writers, buffer_bytes, dirty_bytes, files,
        watchers, descriptors;
};

static struct remains remains_look(void)
{
    struct server *operator= the.admin->server;
    struct exchanges_counts endpoint = server_counts(the.server), others = server_counts(operator);
    struct store_statistics store = store_statistics(the.store);
    struct audience_counts audience = audience_counts(the.audience);
    size_t descriptors = descriptors_count(false);

    return (struct remains){
        .connections = server_connection_count(the.server) + server_connection_count(operator),
        .exchanges = endpoint.live + others.live,
        .suspended = endpoint.suspended + others.suspended,
        .fibers = endpoint.fibers + others.fibers + fiber_count(),
        .writers = store.open_uploads,
        .buffer_bytes = store.buffer_bytes,
        .dirty_bytes = store.dirty_bytes,
        .files = store.open_files,
        .watchers = audience.watchers + audience.all,
        .descriptors = descriptors > the.descriptors ? descriptors - the.descriptors : 0,
    };
}

void exchange_server_rest(void)
{
    static const struct remains nothing = { 0 };
    const struct timespec moment = { .tv_nsec = LOOK_AGAIN_NS };
    uint64_t deadline_ms = clock_monotonic_ms() + REST_MS;
    struct remains remains = remains_look();

    while (memcmp(&remains, &nothing, sizeof(nothing)) != 0 && clock_monotonic_ms() < deadline_ms) {
        (void)nanosleep(&moment, NULL);
        remains = remains_look();
    }
    if (memcmp(&remains, &nothing, sizeof(nothing)) == 0)
        return;
    (void)fprintf(stderr,
                  "left: connections=%zu exchanges=%zu suspended=%zu fibers=%zu writers=%zu "
                  "buffer=%zu dirty=%zu files=%zu watchers=%zu descriptors=%zu\n",
                  remains.connections, remains.exchanges, remains.suspended, remains.fibers,
                  remains.writers, remains.buffer_bytes, remains.dirty_bytes, remains.files,
                  remains.watchers, remains.descriptors);
    (void)descriptors_count(true);
    abort();
}

/* --- stop --- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

void exchange_server_stop(void)
{
    admin_announce_stop(the.admin);
    audience_stop(the.audience);
    check(server_stop(the.server), "stop the server");
    check(admin_stop(the.admin), "stop the operator's listener");
    admin_door_close(&the.door);
    server_free(the.server);
    metrics_free(the.service.metrics);
    store_close(the.store);
    audience_free(the.audience);
    events_free(the.events);
    check(nftw(the.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), "remove the folder");
    the = (struct exchange_server){ 0 };
}
