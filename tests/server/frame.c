/*
 * A server with handlers that tests need and the product must not have
 *
 *     frame [key=value ...]        keys and defaults: settings[] below
 *
 * Prints "listening on URL" for each listener, then serves until SIGTERM. At the end it prints
 * "left fibers=N": a clean stop leaves none, and the server asserts that no connection is left.
 *
 *     GET   /wait/MS        waits so long on a worker, then answers "waited"
 *     GET   /twice/MS       the same, twice
 *     any   /count          reads the body and throws it away; answers with its length
 *     any   /slow/MS        like /count, but has a worker take MS for every piece of the body
 *     any   /late/MS        waits so long on a worker, then does what /count does
 *     any   /sip/N          like /count, but gives back what is more than N bytes of a piece, and has
 *                           a worker look at those; answers with the length and a sum over all bytes
 *     any   /refuse         refuses without looking at the body
 *     any   /refuse/N       reads N bytes of the body, then refuses
 *     any   /interim        sends 104, then does what /count does, 104 again before the answer
 *     any   /trailer        reads the body; answers with the trailer field Upload-Checksum
 *     any   /field/NAME     answers with the request field of that name
 *     any   /target         answers with "path query"
 *     GET   /large/N        answers with N bytes
 *     any   /held           like /count, and /held/MS like /slow/MS; may be ended by
 *     POST  /end            from another thread: answers with how many bytes had been accepted
 *     GET   /ended          how many bytes the ended one had accepted at its very end, and its result
 *     GET   /counts         "live=N suspended=N fibers=N connections=N gone=N sipped=N": gone bodies and bytes
 *                         that /sip has added up so far
 */
#define LOG_MODULE "frame"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fail.h"
#include "base/number.h"
#include "server/exchange.h"
#include "server/fiber.h"
#include "server/server.h"

static struct frame {
    _Atomic(struct server *) server; /* there since before the first line on standard output */
    atomic_uint gone;
    atomic_uint sipped;    /* bytes that /sip has added up, of all */
    pthread_mutex_t mutex; /* guards all below it */
    pthread_cond_t changed;
    struct exchange *held;
    bool has_ended;
    uint64_t ended_received;
    int ended_result;
} frame = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* The number, or the text, after the last slash of the path. */
static struct bytes last_segment(const struct exchange *exchange)
{
    struct bytes path = exchange_path(exchange);
    const uint8_t *slash = memrchr(path.data, '/', path.count);
    return bytes_after(path, (size_t)(slash + 1 - path.data));
}

static uint64_t last_number(const struct exchange *exchange)
{
    uint64_t number = 0;
    (void)number_parse(last_segment(exchange), UINT32_MAX, &number);
    return number;
}

static int sleep_ms(void *argument)
{
    uint64_t ms = *(uint64_t *)argument;
    struct timespec time = { .tv_sec = (time_t)(ms / 1000),
                             .tv_nsec = (long)(ms % 1000) * 1000000 };
    (void)nanosleep(&time, NULL);
    return 0;
}

static int handle_wait(struct exchange *exchange)
{
    uint64_t ms = last_number(exchange);

    int r = offload(exchange, sleep_ms, &ms);
    if (r == 0)
        answer_text(exchange_answer(exchange), 200, "waited");
    return r;
}

static int handle_twice(struct exchange *exchange)
{
    int r = handle_wait(exchange);
    answer_done(exchange_answer(exchange));
    return r == 0 ? handle_wait(exchange) : r;
}

/* The end of every handler that reads a body. */
static int count_answer(struct exchange *exchange, uint64_t count)
{
    int r = exchange_read_end(exchange);
    if (r == 0)
        answer_text(exchange_answer(exchange), 200, "%" PRIu64, count);
    else
        atomic_fetch_add(&frame.gone, 1);
    return r;
}

static int handle_count(struct exchange *exchange)
{
    struct bytes piece;
    uint64_t count = 0;

    while (exchange_read(exchange, &piece))
        count += piece.count;
    return count_answer(exchange, count);
}

static int handle_slow(struct exchange *exchange)
{
    uint64_t ms = last_number(exchange);
    struct bytes piece;
    uint64_t count = 0;
    int r = 0;

    while (r == 0 && exchange_read(exchange, &piece)) {
        count += piece.count;
        r = offload(exchange, sleep_ms, &ms);
    }
    if (r == -ECANCELED)
        atomic_fetch_add(&frame.gone, 1);
    return r == 0 ? count_answer(exchange, count) : r;
}

static int handle_late(struct exchange *exchange)
{
    uint64_t ms = last_number(exchange);

    int r = offload(exchange, sleep_ms, &ms);
    return r == 0 ? handle_count(exchange) : r;
}

struct sip {
    uint8_t bytes[4096];
    size_t count;
    uint64_t sum;
};

static int sip_add(void *argument)
{
    struct sip *sip = argument;
    for (size_t i = 0; i < sip->count; i++)
        sip->sum = sip->sum * 31 + sip->bytes[i];
    atomic_fetch_add(&frame.sipped, (unsigned)sip->count);
    return 0;
}

static int handle_sip(struct exchange *exchange)
{
    size_t room = last_number(exchange);
    struct sip sip = { 0 };
    struct bytes piece;
    uint64_t count = 0;
    int r = 0;

    assert(room > 0 && room <= sizeof(sip.bytes));
    while (r == 0 && exchange_read(exchange, &piece)) {
        sip.count = piece.count < room ? piece.count : room;
        memcpy(sip.bytes, piece.data, sip.count);
        exchange_unread(exchange, piece.count - sip.count);
        count += sip.count;
        r = offload(exchange, sip_add, &sip);
    }
    if (r == -ECANCELED)
        atomic_fetch_add(&frame.gone, 1);
    if (r == 0)
        r = count_answer(exchange, count);
    if (r == 0)
        answer_text(exchange_answer(exchange), 200, "%" PRIu64 " %" PRIx64, count, sip.sum);
    log_info("sip count=%" PRIu64 " sum=%" PRIx64 " result=%d", count, sip.sum, r);
    return r;
}

static int handle_refuse(struct exchange *exchange)
{
    answer_text(exchange_answer(exchange), 409, "refused");
    return 0;
}

static int handle_refuse_after(struct exchange *exchange)
{
    uint64_t wanted = last_number(exchange);
    struct bytes piece;
    uint64_t count = 0;

    while (count < wanted && exchange_read(exchange, &piece))
        count += piece.count;
    return count < wanted ? count_answer(exchange, count) : handle_refuse(exchange);
}

static void say_104(struct exchange *exchange, uint64_t offset)
{
    struct answer interim = { .status = 104 };
    answer_field(&interim, "Upload-Offset", "%" PRIu64, offset);
    bool sent = exchange_interim(exchange, &interim);
    log_info("interim sent=%d", sent);
    answer_done(&interim);
}

static int handle_interim(struct exchange *exchange)
{
    struct bytes piece;
    uint64_t count = 0;

    say_104(exchange, 0);
    while (exchange_read(exchange, &piece))
        count += piece.count;
    say_104(exchange, count);
    return count_answer(exchange, count);
}

static int handle_trailer(struct exchange *exchange)
{
    struct bytes piece;
    struct bytes value = { 0 };

    while (exchange_read(exchange, &piece))
        ;
    int r = exchange_read_end(exchange);
    if (r == 0)
        r = exchange_trailer(exchange, "Upload-Checksum", &value);
    if (r != 0)
        return r;
    if (value.data == NULL)
        value = bytes_of_text("none");
    answer_text(exchange_answer(exchange), 200, "%.*s", BYTES_ARGUMENT(value));
    return 0;
}

static int handle_field(struct exchange *exchange)
{
    struct bytes name = last_segment(exchange);
    struct bytes value = bytes_of_text("(none)");
    char text[128];

    (void)snprintf(text, sizeof(text), "%.*s", BYTES_ARGUMENT(name));
    (void)message_field(exchange_message(exchange), text, &value);
    answer_text(exchange_answer(exchange), 200, "%.*s", BYTES_ARGUMENT(value));
    return 0;
}

static int handle_target(struct exchange *exchange)
{
    answer_text(exchange_answer(exchange), 200, "%.*s %.*s",
                BYTES_ARGUMENT(exchange_path(exchange)), BYTES_ARGUMENT(exchange_query(exchange)));
    return 0;
}

static int handle_large(struct exchange *exchange)
{
    answer_text(exchange_answer(exchange), 200, "%*s", (int)last_number(exchange) - 1, "x");
    return 0;
}

static int handle_held(struct exchange *exchange)
{
    uint64_t ms = last_number(exchange);
    struct bytes piece;
    uint64_t count = 0;

    pthread_mutex_lock(&frame.mutex);
    assert(frame.held == NULL);
    frame.held = exchange_ref(exchange);
    frame.has_ended = false;
    pthread_cond_broadcast(&frame.changed);
    pthread_mutex_unlock(&frame.mutex);

    while (exchange_read(exchange, &piece)) {
        count += piece.count;
        if (ms > 0 && offload(exchange, sleep_ms, &ms) != 0)
            break;
    }
    int r = count_answer(exchange, count);

    pthread_mutex_lock(&frame.mutex);
    frame.has_ended = true;
    frame.ended_received = count;
    frame.ended_result = r;
    pthread_cond_broadcast(&frame.changed);
    pthread_mutex_unlock(&frame.mutex);
    return r;
}

/* On a worker: waits for the held one, and ends it. */
static int end_held(void *argument)
{
    pthread_mutex_lock(&frame.mutex);
    while (frame.held == NULL)
        pthread_cond_wait(&frame.changed, &frame.mutex);
    struct exchange *held = frame.held;
    frame.held = NULL;
    pthread_mutex_unlock(&frame.mutex);

    *(uint64_t *)argument = exchange_end(held);
    exchange_unref(held);
    return 0;
}

static int handle_end(struct exchange *exchange)
{
    uint64_t received = 0;

    int r = offload(exchange, end_held, &received);
    if (r == 0)
        answer_text(exchange_answer(exchange), 200, "%" PRIu64, received);
    return r;
}

/* On a worker: waits until the held one has come to its end. */
static int wait_for_ended(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&frame.mutex);
    while (!frame.has_ended)
        pthread_cond_wait(&frame.changed, &frame.mutex);
    pthread_mutex_unlock(&frame.mutex);
    return 0;
}

static int handle_ended(struct exchange *exchange)
{
    int r = offload(exchange, wait_for_ended, NULL);
    if (r != 0)
        return r;
    pthread_mutex_lock(&frame.mutex);
    answer_text(exchange_answer(exchange), 200, "%" PRIu64 " %d", frame.ended_received,
                frame.ended_result);
    pthread_mutex_unlock(&frame.mutex);
    return 0;
}

static int handle_counts(struct exchange *exchange)
{
    struct exchanges_counts counts = server_counts(frame.server);
    answer_text(exchange_answer(exchange), 200,
                "live=%zu suspended=%zu fibers=%zu connections=%zu gone=%u sipped=%u", counts.live,
                counts.suspended, fiber_count(), server_connection_count(frame.server),
                atomic_load(&frame.gone), atomic_load(&frame.sipped));
    return 0;
}

/* clang-format off */
static const struct route routes[] = {
    { "GET", "/wait/*", handle_wait },       { "GET", "/twice/*", handle_twice },
    { "POST", "/count", handle_count },      { "PATCH", "/count", handle_count },
    { "GET", "/count", handle_count },       { "DELETE", "/count", handle_count },
    { "POST", "/slow/*", handle_slow },      { "POST", "/sip/*", handle_sip },
    { "POST", "/refuse", handle_refuse },    { "POST", "/refuse/*", handle_refuse_after },
    { "GET", "/refuse", handle_refuse },     { "POST", "/interim", handle_interim },
    { "POST", "/trailer", handle_trailer },  { "GET", "/field/*", handle_field },
    { "GET", "/target", handle_target },     { "GET", "/large/*", handle_large },
    { "POST", "/held", handle_held },        { "POST", "/end", handle_end },
    { "POST", "/held/*", handle_held },      { "POST", "/late/*", handle_late },
    { "GET", "/ended", handle_ended },       { "GET", "/counts", handle_counts },
    { "OPTIONS", "*", handle_target },
};
/* clang-format on */

struct setting {
    const char *name;
    unsigned value;
};

static unsigned setting(const struct setting *settings, const char *name)
{
    while (strcmp(settings->name, name) != 0)
        settings++;
    return settings->value;
}

/* "listen=..." is kept in listen; every other word sets a number of the list. */
static bool settings_read(struct setting *settings, size_t count, char **words,
                          const char *listen[static 4], size_t *ret_listen_count)
{
    for (; *words != NULL; words++) {
        char *value = strchr(*words, '=');
        uint64_t number = 0;
        bool known = false;

        if (value == NULL)
            return false;
        *value++ = '\0';
        if (strcmp(*words, "listen") == 0 && *ret_listen_count < 4) {
            listen[(*ret_listen_count)++] = value;
            continue;
        }
        if (!number_parse(bytes_of_text(value), UINT32_MAX, &number))
            return false;
        for (size_t i = 0; i < count; i++)
            if (strcmp(settings[i].name, *words) == 0) {
                settings[i].value = (unsigned)number;
                known = true;
            }
        if (!known)
            return false;
    }
    return true;
}

static void serve(struct server *server)
{
    sigset_t signals;
    int number;

    for (size_t i = 0; server_url(server, i) != NULL; i++)
        (void)printf("listening on %s\n", server_url(server, i));
    (void)fflush(stdout);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigwait(&signals, &number);
}

int main(int argc, char **argv)
{
    const char *listen[4];
    size_t listen_count = 0;
    sigset_t signals;
    struct setting settings[] = {
        { "threads", 1 },    { "io_threads", 4 }, { "first_byte_s", 10 },
        { "header_s", 10 },  { "idle_s", 30 },    { "connections", 1000 },
        { "address", 1000 }, { "fibers", 1000 },  { "waiting", 1000 },
    };

    (void)argc;
    if (!settings_read(settings, sizeof(settings) / sizeof(settings[0]), argv + 1, listen,
                       &listen_count))
        return 2;
    if (listen_count == 0)
        listen[listen_count++] = "127.0.0.1:0";

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    if (log_start() != 0)
        return 1;

    struct listener listeners[4] = { 0 };
    if (listeners_open(listen, listen_count, listeners) != 0)
        return 1;
    struct server_options options = {
        .listeners = listeners,
        .listener_count = listen_count,
        .threads = setting(settings, "threads"),
        .workers = setting(settings, "io_threads"),
        .readers = 8,
        .first_byte_timeout_s = setting(settings, "first_byte_s"),
        .header_timeout_s = setting(settings, "header_s"),
        .idle_timeout_s = setting(settings, "idle_s"),
        .connections_max = setting(settings, "connections"),
        .connections_per_address_max = setting(settings, "address"),
        .fibers_max = setting(settings, "fibers"),
        .waiting_max = setting(settings, "waiting"),
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .method_override = true,
    };
    struct server *server = NULL;
    int r = server_start(&options, &server);
    if (r == 0) {
        atomic_store(&frame.server, server);
        serve(server);
        r = server_stop(server);
        server_free(server);
        (void)printf("left fibers=%zu\n", fiber_count());
    }
    if (frame.held != NULL)
        exchange_unref(frame.held);
    log_stop();
    return r == 0 ? 0 : 1;
}
