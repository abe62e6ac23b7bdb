#define LOG_MODULE "exchange"
#include "server/exchanges.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/fail.h"
#include "server/exchange_private.h"

/* For the answers of those who have just been woken. */
enum {
    LAST_ANSWERS_MS = 200
};

/* Two runs of a server, or two servers, give no request the same name. */
static int exchanges_name_run(struct exchanges *exchanges)
{
    uint64_t run;

    if (getrandom(&run, sizeof(run), 0) != (ssize_t)sizeof(run))
        return fail_errno("name this run of the server");
    (void)snprintf(exchanges->run, sizeof(exchanges->run), "%016" PRIx64, run);
    return 0;
}

int exchanges_new(const struct exchanges_options *options, struct exchanges **ret_exchanges)
{
    struct exchanges *exchanges = calloc(1, sizeof(*exchanges));
    pthread_condattr_t attributes;

    if (exchanges == NULL)
        return fail_errno("start exchanges");
    int r = exchanges_name_run(exchanges);
    if (r != 0) {
        free(exchanges);
        return r;
    }
    exchanges->options = *options;
    atomic_init(&exchanges->next_number, 1);
    TAILQ_INIT(&exchanges->live);
    (void)pthread_mutex_init(&exchanges->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&exchanges->fewer, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    *ret_exchanges = exchanges;
    return 0;
}

void exchanges_free(struct exchanges *exchanges)
{
    if (exchanges == NULL)
        return;

    (void)pthread_cond_destroy(&exchanges->fewer);
    (void)pthread_mutex_destroy(&exchanges->mutex);
    free(exchanges);
}

struct exchange *exchange_new(struct exchanges *exchanges, struct MHD_Connection *connection,
                              struct connection *place, int socket, const char *uri)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    char *target = strdup(uri);
    if (exchange == NULL || target == NULL) {
        free(exchange);
        free(target);
        return NULL;
    }

    exchange->exchanges = exchanges;
    atomic_init(&exchange->references, 1);
    exchange->number = atomic_fetch_add(&exchanges->next_number, 1);
    exchange->begun_ns = clock_monotonic_ns();
    exchange->connection = connection;
    exchange->place = place;
    exchange->socket = socket;
    exchange->uri = uri;
    exchange->target = target;
    (void)snprintf(exchange->own_id, sizeof(exchange->own_id), "%s-%" PRIu64, exchanges->run,
                   exchange->number);
    exchange->request_id = bytes_of_text(exchange->own_id);
    exchange->origin.client = connection_peer(place);
    (void)pthread_mutex_init(&exchange->mutex, NULL);

    pthread_mutex_lock(&exchanges->mutex);
    TAILQ_INSERT_TAIL(&exchanges->live, exchange, entry);
    exchanges->live_count++;
    pthread_mutex_unlock(&exchanges->mutex);
    return exchange;
}

void exchange_retire(struct exchange *exchange)
{
    struct exchanges *exchanges = exchange->exchanges;

    pthread_mutex_lock(&exchanges->mutex);
    TAILQ_REMOVE(&exchanges->live, exchange, entry);
    exchanges->live_count--;
    pthread_cond_broadcast(&exchanges->fewer);
    pthread_mutex_unlock(&exchanges->mutex);
    exchange_unref(exchange);
}

void exchanges_count_suspended(struct exchanges *exchanges, bool suspended)
{
    pthread_mutex_lock(&exchanges->mutex);
    if (suspended) {
        exchanges->suspended_count++;
    } else {
        exchanges->suspended_count--;
        pthread_cond_broadcast(&exchanges->fewer);
    }
    pthread_mutex_unlock(&exchanges->mutex);
}

struct exchanges_counts exchanges_counts(struct exchanges *exchanges)
{
    pthread_mutex_lock(&exchanges->mutex);
    struct exchanges_counts counts = { .live = exchanges->live_count,
                                       .suspended = exchanges->suspended_count,
                                       .fibers = atomic_load(&exchanges->fibers),
                                       .begun = atomic_load(&exchanges->next_number) - 1,
                                       .received_bytes = atomic_load(&exchanges->received_bytes) };
    pthread_mutex_unlock(&exchanges->mutex);
    return counts;
}

static struct timespec deadline_after(uint64_t ms)
{
    uint64_t ns = clock_monotonic_ns() + ms * 1000000;
    return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000),
                              .tv_nsec = (long)(ns % 1000000000) };
}

/* Waits until the count is 0; false when the time is over. Called with the mutex held. */
static bool exchanges_wait(struct exchanges *exchanges, const size_t *count, uint64_t ms)
{
    struct timespec deadline = deadline_after(ms);
    int code = 0;

    while (*count > 0 && code == 0)
        code = pthread_cond_timedwait(&exchanges->fewer, &exchanges->mutex, &deadline);
    return *count == 0;
}

int exchanges_stop(struct exchanges *exchanges, uint64_t grace_ms, uint64_t wait_ms)
{
    struct exchange *exchange;

    /* An exchange that begins after this sees it; one that began before is in the list. */
    atomic_store(&exchanges->stopping, true);

    pthread_mutex_lock(&exchanges->mutex);
    TAILQ_FOREACH(exchange, &exchanges->live, entry)
    (void)exchange_end(exchange);
    (void)exchanges_wait(exchanges, &exchanges->live_count, grace_ms);
    TAILQ_FOREACH(exchange, &exchanges->live, entry)
    exchange_cut(exchange);
    (void)exchanges_wait(exchanges, &exchanges->suspended_count, wait_ms);
    (void)exchanges_wait(exchanges, &exchanges->live_count, LAST_ANSWERS_MS);
    bool none_suspended = exchanges_wait(exchanges, &exchanges->suspended_count, LAST_ANSWERS_MS);
    size_t left = exchanges->suspended_count;
    pthread_mutex_unlock(&exchanges->mutex);

    if (none_suspended)
        return 0;
    return fail_code(ETIMEDOUT, "stop: %zu exchanges still wait for a worker", left);
}
