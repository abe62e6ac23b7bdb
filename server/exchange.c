#define LOG_MODULE "exchange"
#include "server/exchange.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "server/exchange_private.h"

void *exchange_context(const struct exchange *exchange)
{
    return exchange->exchanges->options.context;
}

const struct forwarded *exchange_origin(const struct exchange *exchange)
{
    return &exchange->origin;
}

struct bytes exchange_path(const struct exchange *exchange)
{
    return exchange->request.target.path;
}

struct bytes exchange_query(const struct exchange *exchange)
{
    return exchange->request.target.query;
}

const struct message *exchange_message(const struct exchange *exchange)
{
    return &exchange->request.message;
}

const struct framing *exchange_framing(const struct exchange *exchange)
{
    return &exchange->request.framing;
}

struct answer *exchange_answer(struct exchange *exchange)
{
    return &exchange->answer;
}

bool exchange_over(struct exchange *exchange)
{
    if (exchange->gone || exchange->malformed)
        return true;

    pthread_mutex_lock(&exchange->mutex);
    bool over = exchange->ended || exchange->spoiled;
    pthread_mutex_unlock(&exchange->mutex);
    return over;
}

bool exchange_is_spoiled(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    bool spoiled = exchange->spoiled;
    pthread_mutex_unlock(&exchange->mutex);
    return spoiled;
}

void exchange_begins_answer(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    exchange->answering = true;
    pthread_mutex_unlock(&exchange->mutex);
}

/* What is offered and not taken yet. The mark of exchange_end() and the count that it reports are read
 * and written under the same lock: a byte is either counted or never accepted. */
static bool exchange_take(struct exchange *exchange, struct bytes *ret_piece)
{
    struct bytes piece = bytes_after(exchange->offered, exchange->taken);
    bool accepted = false;

    if (piece.count == 0 || exchange->malformed)
        return false;

    pthread_mutex_lock(&exchange->mutex);
    if (!exchange->ended) {
        exchange->received += piece.count;
        accepted = true;
    }
    pthread_mutex_unlock(&exchange->mutex);
    if (!accepted)
        return false;

    atomic_fetch_add(&exchange->exchanges->received_bytes, piece.count);
    exchange->taken += piece.count;
    *ret_piece = piece;
    return true;
}

bool exchange_read(struct exchange *exchange, struct bytes *ret_piece)
{
    for (;;) {
        if (exchange_take(exchange, ret_piece))
            return true;
        if (exchange->phase == EXCHANGE_COMPLETE || exchange_over(exchange))
            return false;
        exchange->waits = WAITS_FOR_BODY;
        uint64_t begun_ns = clock_monotonic_ns();
        fiber_suspend();
        exchange_spend(exchange, EXCHANGE_NETWORK, clock_monotonic_ns() - begun_ns);
    }
}

void exchange_unread(struct exchange *exchange, size_t count)
{
    assert(count <= exchange->taken);
    exchange->taken -= count;
    atomic_fetch_sub(&exchange->exchanges->received_bytes, count);

    pthread_mutex_lock(&exchange->mutex);
    exchange->received -= count;
    pthread_mutex_unlock(&exchange->mutex);
}

int exchange_read_end(const struct exchange *exchange)
{
    bool complete =
        exchange->phase == EXCHANGE_COMPLETE && exchange->taken == exchange->offered.count;
    return complete ? 0 : -ECANCELED;
}

int exchange_trailer(const struct exchange *exchange, const char *name, struct bytes *ret_value)
{
    assert(exchange->phase == EXCHANGE_COMPLETE);
    return exchange->gone ? -ECANCELED : request_trailer(exchange->connection, name, ret_value);
}

/* Called with the mutex held: as long as the socket is this exchange's, its request is there, too. */
static bool interim_send(struct exchange *exchange, const char *text, size_t count)
{
    int unsent = 0;

    if (exchange->socket < 0 || !exchange->request.framing.interim_understood || exchange->ended ||
        exchange->spoiled || exchange->answering ||
        ioctl(exchange->socket, SIOCOUTQ, &unsent) != 0 || unsent != 0)
        return false;
    ssize_t sent = send(exchange->socket, text, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    exchange->spoiled = sent > 0 && (size_t)sent < count;
    return sent == (ssize_t)count;
}

bool exchange_interim(struct exchange *exchange, const struct answer *interim)
{
    size_t count = 0;

    assert(interim->status >= 100 && interim->status < 200);
    if (interim->broken)
        return false;
    AUTO_FREE char *text = answer_format(interim, true, &count);
    if (text == NULL)
        return false;

    pthread_mutex_lock(&exchange->mutex);
    bool sent = interim_send(exchange, text, count);
    pthread_mutex_unlock(&exchange->mutex);
    return sent;
}

/* --- for the log and the metrics --- */

void exchange_name_upload(struct exchange *exchange, const char *name)
{
    (void)snprintf(exchange->upload, sizeof(exchange->upload), "%s", name);
}

void exchange_name_operation(struct exchange *exchange, enum operation operation)
{
    exchange->operation = operation;
}

void exchange_spend(struct exchange *exchange, enum exchange_time on, uint64_t ns)
{
    exchange->spent_ns[on] += ns;
}

/* --- waiting --- */

int exchange_await(struct exchange *exchange,
                   void (*start)(struct exchange *exchange, void *argument), void *argument)
{
    if (exchange_over(exchange))
        return -ECANCELED;

    exchange->start = start;
    exchange->start_argument = argument;
    exchange->await_started = false;
    exchange->waits = WAITS_FOR_WAKE;
    fiber_suspend();
    return exchange->await_started ? 0 : -ECANCELED;
}

void exchange_wake(struct exchange *exchange)
{
    struct exchanges *exchanges = exchange->exchanges;

    /* Under the lock, so that the loop cannot suspend it again in between: a resume that comes before
     * its suspend cancels both. */
    pthread_mutex_lock(&exchange->mutex);
    assert(exchange->suspended);
    exchange->suspended = false;
    MHD_resume_connection(exchange->connection);
    pthread_mutex_unlock(&exchange->mutex);

    exchange_unref(exchange);
    exchanges_count_suspended(exchanges, false);
}

struct offloaded {
    struct job job; /* first: a job is an offloaded */
    struct exchange *exchange;
    int (*function)(void *argument);
    void *argument;
    int result;
};

static void offload_run(struct job *job)
{
    struct offloaded *offloaded = (struct offloaded *)job;

    offloaded->result = offloaded->function(offloaded->argument);
    exchange_wake(offloaded->exchange); /* its stack goes on: offloaded is gone */
}

static void offload_start(struct exchange *exchange, void *argument)
{
    struct offloaded *offloaded = argument;

    int r = workers_submit(exchange->exchanges->options.workers, &offloaded->job);
    if (r != 0) {
        offloaded->result = r;
        exchange_wake(exchange);
    }
}

int offload(struct exchange *exchange, int (*function)(void *argument), void *argument)
{
    struct offloaded offloaded = {
        .job.run = offload_run,
        .exchange = exchange,
        .function = function,
        .argument = argument,
    };

    int r = exchange_await(exchange, offload_start, &offloaded);
    return r == 0 ? offloaded.result : r;
}

/* --- from other threads --- */

struct exchange *exchange_ref(struct exchange *exchange)
{
    atomic_fetch_add(&exchange->references, 1);
    return exchange;
}

void exchange_unref(struct exchange *exchange)
{
    if (atomic_fetch_sub(&exchange->references, 1) > 1)
        return;

    (void)pthread_mutex_destroy(&exchange->mutex);
    free(exchange->target);
    free(exchange);
}

/* Called with the mutex held. The loop reads the end of the connection and completes the exchange; one
 * that is suspended sees the mark when it is woken. */
static void exchange_mark(struct exchange *exchange)
{
    exchange->ended = true;
    if (exchange->socket >= 0)
        (void)shutdown(exchange->socket, SHUT_RD);
}

uint64_t exchange_end(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    if (!exchange->complete && !exchange->ended)
        exchange_mark(exchange);
    uint64_t received = exchange->received;
    pthread_mutex_unlock(&exchange->mutex);
    return received;
}

void exchange_cut(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    exchange_mark(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}
