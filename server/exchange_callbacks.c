/*
 * How libmicrohttpd 0.9.75 calls, and what we make of it
 *
 *     on_uri -> on_request (header) -> on_request (a piece of the body) ... -> on_request (end)
 *            -> on_completed
 *
 *   1. After every resume, on_request is called again as before: the header's call comes again, a
 *      piece that was left unconsumed comes again, the end comes again. Arguments do not tell the
 *      header's call from the end's: exchange->phase does.
 *   2. A connection is suspended before anybody can wake it (exchange_suspend), and while it is, the
 *      piece is left unconsumed: had all been consumed, there would be no call after the resume.
 *   3. A piece of a chunked body is moved when the call returns: what the handler has not taken of it
 *      is kept (exchange_keep).
 *   4. An answer can be queued in the header's call, which closes the connection, and at the end. In
 *      between the rest of the body is drained, when it is short, or the answer is sent by hand and the
 *      socket handed to the lingering close.
 *   5. epoll's edge for a FIN that came with the last data is lost: server/connections.c tells of it again.
 *   6. A connection that was suspended while libmicrohttpd reads is completed for a FIN that is no loss:
 *      handlers wait in calls in which it does not (exchange_hasten, exchange_puts_off).
 *   7. The connection may be completed after it was resumed and before on_request is called: then what
 *      the handler waits for is there, and it runs to its end inside on_completed.
 *   8. A connection that is closed is not shut down (MHD_USE_TURBO, see server/loop.c): where we have a
 *      descriptor of the socket, too, that goes on. By exchange_on_closed() libmicrohttpd has no more use for it.
 */
#define LOG_MODULE "exchange"
#include "server/exchange_callbacks.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "protocol/request_id.h"
#include "server/exchange_content.h"
#include "server/exchange_private.h"
#include "server/stream.h"

enum {
    DRAIN_BYTES = 256 * 1024,
    CRUMB_BYTES = 64,
    CRUMBS_PER_TURN = 512,
};

/* --- the beginning --- */

void *exchange_on_uri(void *argument, const char *uri, struct MHD_Connection *connection)
{
    int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    struct connection *place =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    struct exchange *exchange =
        exchange_new(argument, connection, place, socket, uri == NULL ? "" : uri);
    connection_set_occupant(place, exchange);
    return exchange;
}

/* The fiber: the handler, and what its result says. */
static void exchange_run(void *argument)
{
    struct exchange *exchange = argument;

    int r = exchange->route->handle(exchange);
    exchange->result = r;
    if (r == -ECANCELED) /* heard by a client whose body is complete; the others are gone */
        r = atomic_load(&exchange->exchanges->stopping) ? REFUSED_STOPPING : REFUSED_ENDED;
    if (r != 0)
        answer_result(&exchange->answer, r);
    assert(exchange->answer.status != 0 || exchange->answer.broken);
}

static int exchange_find_route(struct exchange *exchange)
{
    const struct exchanges_options *options = &exchange->exchanges->options;
    char allow[ROUTE_ALLOW_BYTES];

    int r = route_find(options->routes, options->route_count, exchange->request.method,
                       exchange->request.target.path, &exchange->route, allow);
    if (r == 0)
        exchange->operation = operation_of_method(exchange->request.method);
    if (allow[0] != '\0')
        answer_field(&exchange->answer, "Allow", "%s", allow);
    return r;
}

static int exchange_get_fiber(struct exchange *exchange)
{
    struct exchanges *exchanges = exchange->exchanges;

    if (atomic_load(&exchanges->stopping))
        return REFUSED_STOPPING;

    if (atomic_fetch_add(&exchanges->fibers, 1) < exchanges->options.fibers_max)
        exchange->fiber = fiber_create(exchange_run, exchange);
    if (exchange->fiber == NULL) {
        atomic_fetch_sub(&exchanges->fibers, 1);
        return REFUSED_OVERLOADED;
    }
    return 0;
}

/* The handler has answered: its stack is somebody else's while the answer is on its way. */
static void exchange_drop_fiber(struct exchange *exchange)
{
    if (exchange->fiber == NULL)
        return;
    fiber_destroy(exchange->fiber);
    exchange->fiber = NULL;
    atomic_fetch_sub(&exchange->exchanges->fibers, 1);
}

/* Whether bytes of the body are still to come; true as well where nobody can say. */
static bool exchange_body_outstanding(const struct exchange *exchange)
{
    const struct framing *framing = &exchange->request.framing;
    return !exchange->request.framed || framing->chunked || exchange->delivered < framing->length;
}

static void exchange_body_completes(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    exchange->complete = true;
    pthread_mutex_unlock(&exchange->mutex);
}

/* Who asks, and by what name; of a message that is well-formed. */
static void exchange_identify(struct exchange *exchange)
{
    const struct message *message = &exchange->request.message;
    const struct networks *trusted = exchange->exchanges->options.trusted;
    const struct field *id = NULL;

    if (trusted != NULL)
        exchange->origin = forwarded_read(message, &exchange->origin.client, trusted);
    if (message_field_once(message, "X-Request-ID", &id) == 0 && id != NULL &&
        request_id_valid(id->value))
        exchange->request_id = id->value;
}

static void exchange_begin(struct exchange *exchange, const char *method, const char *version)
{
    const struct exchanges_options *options = &exchange->exchanges->options;

    exchange->phase = EXCHANGE_STARTED;
    connection_busy(options->connections, exchange->place);

    int r = request_read(exchange->connection, method, exchange->uri, exchange->target, version,
                         &exchange->request);
    if (exchange->request.framed)
        exchange_identify(exchange);
    if (r == 0 && options->method_override)
        r = request_override_method(&exchange->request);
    if (r == 0 && options->admit != NULL)
        r = options->admit(exchange);
    if (r == 0)
        r = exchange_find_route(exchange);
    if (r == 0)
        r = exchange_get_fiber(exchange);
    exchange->result = r;
    if (r != 0)
        answer_result(&exchange->answer, r);
}

/* --- sending the answer --- */

/* As answer_done(), which would close the file on the loop. */
static void exchange_answer_done(struct exchange *exchange)
{
    if (exchange->answer.file.present)
        exchange_close(exchange, answer_take_file(&exchange->answer).content);
    answer_done(&exchange->answer);
}

/* The last that is done to an answer. What there was no memory for is said with what needs none. */
static void exchange_finish_answer(struct exchange *exchange)
{
    const struct exchanges_options *options = &exchange->exchanges->options;

    exchange_begins_answer(exchange);
    exchange->said_ns = clock_monotonic_ns();
    answer_field(&exchange->answer, "X-Request-ID", "%.*s", BYTES_ARGUMENT(exchange->request_id));
    if (options->finish != NULL)
        options->finish(exchange, &exchange->answer);
    if (!exchange->answer.broken)
        return;
    bool close = exchange->answer.close;
    exchange_answer_done(exchange);
    exchange->answer.status = 503;
    exchange->answer.close = close;
}

/* Whether the client takes what follows the header for content: the method that it has sent decides, not
 * the one that took its place; and after 304 nothing follows. */
static bool exchange_sends_content(const struct exchange *exchange)
{
    return exchange->answer.status != 304 &&
           !bytes_equal_text(exchange->request.message.method, "HEAD");
}

static struct MHD_Response *response_new(struct exchange *exchange)
{
    struct answer *answer = &exchange->answer;
    if (answer->file.content == NULL && exchange_sends_content(exchange))
        answer->file.present = false; /* a length alone, and nowhere to tell it */

    struct MHD_Response *response =
        answer->file.present ? exchange_content(exchange)
                             : MHD_create_response_from_buffer(answer->body_count, answer->body,
                                                               MHD_RESPMEM_MUST_COPY);

    bool whole = response != NULL;
    for (size_t i = 0; i < answer->field_count && whole; i++)
        whole = MHD_add_response_header(response, answer->fields[i].name,
                                        answer->fields[i].value) == MHD_YES;
    if (whole && answer->close)
        whole = MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    if (!whole && response != NULL) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return response;
}

/* The body is complete: the library sends the answer. */
static enum MHD_Result exchange_queue(struct exchange *exchange)
{
    exchange_finish_answer(exchange);

    /* Where chunks begin and end is where servers disagree, and libmicrohttpd is lenient: nothing that
     * follows such a body is ever read as a request. */
    if (exchange->request.framing.chunked || atomic_load(&exchange->exchanges->stopping))
        exchange->answer.close = true;
    if (!exchange->answer.close &&
        !connection_keep(exchange->exchanges->options.connections, exchange->place))
        exchange->answer.close = true;

    struct MHD_Response *response = response_new(exchange);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, exchange->answer.status, response);
    MHD_destroy_response(response);
    exchange->said = result == MHD_YES;
    return result;
}

/* Whether the content would follow in another way than by hand. */
static bool answer_has_content(const struct answer *answer)
{
    return answer->file.present || answer->stream != NULL;
}

/* The body is not complete: we send the answer. The library closes its descriptor of the socket, when the loop has
 * shut the sending side, while the lingering close goes on with ours. */
static void exchange_say_by_hand(struct exchange *exchange)
{
    size_t count = 0;

    if (answer_has_content(&exchange->answer) && exchange_sends_content(exchange)) {
        exchange_answer_done(exchange);
        answer_text(&exchange->answer, 413, "a request for content has no body of that length");
    }
    exchange_finish_answer(exchange);
    exchange->answer.close = true;
    AUTO_FREE char *text =
        answer_format(&exchange->answer, !exchange_sends_content(exchange), &count);
    if (text == NULL ||
        send(exchange->socket, text, count, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)count)
        return;

    exchange->said = true;
    int fd = fcntl(exchange->socket, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        linger_take(exchange->exchanges->options.linger, fd);
}

static enum MHD_Result exchange_refuse(struct exchange *exchange)
{
    exchange_say_by_hand(exchange);
    return MHD_NO;
}

/* 0 or -errno. */
static int exchange_prepare_stream(struct exchange *exchange)
{
    exchange_finish_answer(exchange);
    exchange->answer.close = true;
    struct stream *stream = exchange->answer.stream;
    if (stream == NULL)
        return -ENOMEM;

    AUTO_FREE char *header = answer_format(&exchange->answer, true, &stream->header_count);
    if (header == NULL)
        return fail_code(ENOMEM, "memory for the header of a stream");
    int fd = fcntl(exchange->socket, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return fail_errno("hand a connection on");

    stream->header = TAKE_PTR(header);
    exchange->answer.stream = NULL;
    exchange->stream = stream;
    pthread_mutex_lock(&exchange->mutex);
    exchange->socket = fd;
    pthread_mutex_unlock(&exchange->mutex);
    return 0;
}

/* The body is complete: somebody else sends the answer, by a descriptor of his own. The library closes its
 * one, and with that lets go of the exchange: see exchange_on_closed(). */
static enum MHD_Result exchange_stream(struct exchange *exchange)
{
    int r = exchange_prepare_stream(exchange);
    if (r != 0) {
        exchange->result = r;
        exchange_answer_done(exchange);
        answer_result(&exchange->answer, r);
        return exchange_queue(exchange);
    }
    exchange->said = true;
    return MHD_NO;
}

static enum MHD_Result exchange_answer_complete(struct exchange *exchange)
{
    if (exchange->answer.stream == NULL)
        return exchange_queue(exchange);
    return exchange_sends_content(exchange) ? exchange_stream(exchange) : exchange_refuse(exchange);
}

/* Whether the rest of the body is short enough to be read, so that the connection can go on. How long
 * that may take is a deadline of the connection. */
static bool exchange_drains(const struct exchange *exchange)
{
    const struct framing *framing = &exchange->request.framing;
    uint64_t rest = framing->chunked ? exchange->drained : framing->length - exchange->delivered;

    return rest <= DRAIN_BYTES;
}

/* --- the steps --- */

/* A body in crumbs: libmicrohttpd calls for every chunk, all that its buffer holds in one go, and nobody
 * else on the loop has a turn meanwhile. After a number of them this one steps back: a connection that is
 * suspended and resumed has its next turn after everybody else's. True: the piece will come again. */
static bool exchange_gives_way(struct exchange *exchange, size_t count)
{
    if (exchange->phase != EXCHANGE_BODY || !exchange->request.framing.chunked || count == 0 ||
        count >= CRUMB_BYTES || ++exchange->crumbs < CRUMBS_PER_TURN)
        return false;

    exchange->crumbs = 0;
    MHD_suspend_connection(exchange->connection);
    MHD_resume_connection(exchange->connection);
    return true;
}

/* What this call shows. */
static void exchange_offer(struct exchange *exchange, const char *data, size_t count)
{
    if (exchange->phase == EXCHANGE_COMPLETE)
        return; /* called again after a resume */
    if (exchange->phase == EXCHANGE_BODY && count == 0) {
        exchange->phase =
            EXCHANGE_COMPLETE; /* the last piece may still be offered: exchange_hasten() */
        exchange_body_completes(exchange);
        if (exchange->draining) /* in time */
            connection_busy(exchange->exchanges->options.connections, exchange->place);
        return;
    }

    free(exchange->kept);
    exchange->kept = NULL;
    exchange->offered = bytes_of(data, count);
    if (exchange->request.framing.chunked && count > 0 && exchange->taken == 0 &&
        !request_chunk_line_valid(&exchange->request, data))
        exchange->malformed = true;
}

/* All that was offered has been used: libmicrohttpd may read on. */
static void exchange_consume(struct exchange *exchange, size_t *data_count)
{
    exchange->delivered += exchange->offered.count;
    exchange->offered = bytes_of(NULL, 0);
    exchange->taken = 0;
    *data_count = 0;
    if (exchange->phase == EXCHANGE_STARTED)
        exchange->phase = EXCHANGE_BODY;
}

/* gcc 12's analyzer does not see that exchange->kept keeps the copy. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"

/* Keeps what is offered where libmicrohttpd neither moves nor overwrites it. */
static bool exchange_keep(struct exchange *exchange)
{
    size_t count = exchange->offered.count;
    if (count == 0)
        return true;

    uint8_t *copy = malloc(count);
    if (copy == NULL)
        return false;
    memcpy(copy, exchange->offered.data, count);
    free(exchange->kept);
    exchange->kept = copy;
    exchange->offered.data = copy;
    return true;
}

#pragma GCC diagnostic pop

/*
 * The whole body is here: has the call for its end come before the handler goes on, which need not wait
 * in a call in which libmicrohttpd still reads. False when there is more to come, or no memory.
 */
static bool exchange_hasten(struct exchange *exchange, size_t *data_count)
{
    const struct framing *framing = &exchange->request.framing;

    if (exchange->phase == EXCHANGE_COMPLETE || framing->chunked ||
        exchange->delivered + exchange->offered.count < framing->length || !exchange_keep(exchange))
        return false;

    exchange->delivered += exchange->offered.count;
    exchange->phase = EXCHANGE_BODY;
    *data_count = 0;
    return true;
}

bool exchange_suspend(struct exchange *exchange)
{
    if (exchange->request.framing.chunked && exchange->phase == EXCHANGE_BODY &&
        exchange->taken < exchange->offered.count && !exchange_keep(exchange))
        return false;

    /* Counted before it is marked: a stop that finds nobody counted has cut everybody who is not. */
    exchanges_count_suspended(exchange->exchanges, true);
    pthread_mutex_lock(&exchange->mutex);
    bool suspended = !exchange->ended;
    exchange->suspended = suspended;
    pthread_mutex_unlock(&exchange->mutex);
    if (!suspended) {
        exchanges_count_suspended(exchange->exchanges, false);
        return false;
    }

    (void)exchange_ref(exchange); /* until exchange_wake() */
    exchange->await_started = true;
    MHD_suspend_connection(exchange->connection);
    exchange->start(exchange, exchange->start_argument);
    return true;
}

/*
 * Whether the handler, which wants to wait, has to wait for another call first. A connection that is
 * suspended while libmicrohttpd reads is read from as soon as it is resumed; a client that has shut down
 * its sending side meanwhile is taken for gone, what lies in the buffer unseen is lost, and nobody gets
 * the answer. So nobody is suspended
 *
 *   - before the first piece of the body has been seen, but for a client that waits for 100 (Continue), and
 *     for chunks: libmicrohttpd answers invalid ones itself as soon as it reads them, and an interim response
 *     of another thread would come behind that
 *   - at the end of the body before libmicrohttpd has noticed that it need not read: it does between two
 *     calls for the end
 */
static bool exchange_puts_off(struct exchange *exchange, size_t *data_count)
{
    if (exchange->phase == EXCHANGE_STARTED && !exchange->request.framing.expect_continue &&
        !exchange->request.framing.chunked)
        exchange_consume(exchange, data_count);
    else if (exchange->phase == EXCHANGE_COMPLETE && !exchange->reading_over)
        exchange->reading_over = true;
    else
        return false;
    return true;
}

static bool exchange_is_suspended(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    bool suspended = exchange->suspended;
    pthread_mutex_unlock(&exchange->mutex);
    return suspended;
}

static bool exchange_answered(const struct exchange *exchange)
{
    return exchange->fiber == NULL || fiber_finished(exchange->fiber);
}

/* The answer is there: send it, or get the rest of the body out of its way first. */
static enum MHD_Result exchange_conclude(struct exchange *exchange, size_t *data_count)
{
    if (exchange_is_spoiled(exchange))
        return MHD_NO;
    if (exchange->phase == EXCHANGE_COMPLETE)
        return exchange_answer_complete(exchange);
    if (exchange->malformed) {
        exchange_answer_done(exchange);
        answer_result(&exchange->answer, REFUSED_MALFORMED_MESSAGE);
        return exchange_refuse(exchange);
    }
    if (exchange_over(exchange) && !exchange->draining)
        return MHD_NO;
    if (exchange_over(exchange))
        return exchange_refuse(exchange); /* it has been answered, and the server stops */
    if (!exchange->request.framed)
        return exchange_refuse(exchange); /* what follows cannot be told from a body */

    if (exchange->draining)
        exchange->drained += exchange->offered.count;
    bool unasked = exchange->phase == EXCHANGE_STARTED && exchange->request.framing.expect_continue;
    exchange_consume(exchange, data_count);

    if (!exchange_body_outstanding(exchange))
        return MHD_YES; /* the call for the end follows */
    if ((unasked && !answer_has_content(&exchange->answer)) || !exchange_drains(exchange))
        return exchange_refuse(exchange);
    if (!exchange->draining)
        connection_drain(exchange->exchanges->options.connections, exchange->place);
    exchange->draining = true;
    return MHD_YES;
}

/* Lets the handler go on until it waits for something, or has answered: then true. */
static bool exchange_run_handler(struct exchange *exchange, size_t *data_count)
{
    while (!exchange_answered(exchange)) {
        if (!exchange->put_off)
            fiber_resume(exchange->fiber);
        if (exchange_answered(exchange))
            break;

        if (exchange->waits == WAITS_FOR_WAKE) {
            exchange->put_off = exchange_puts_off(exchange, data_count);
            if (exchange->put_off || exchange_suspend(exchange))
                return false;
        } else if (!exchange_over(exchange)) {
            exchange_consume(exchange, data_count);
            return false;
        }
    }
    exchange_drop_fiber(exchange);
    return true;
}

enum MHD_Result exchange_on_request(void *argument, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *data, size_t *data_count, void **slot)
{
    struct exchange *exchange = *slot;

    (void)argument, (void)connection, (void)url;
    if (exchange == NULL)
        return MHD_NO; /* there was no memory for it */
    if (exchange_is_suspended(exchange))
        return MHD_YES;
    if (exchange->phase == EXCHANGE_HEADER)
        exchange_begin(exchange, method, version);

    if (exchange_gives_way(exchange, *data_count))
        return MHD_YES;
    exchange_offer(exchange, data, *data_count);
    if (!exchange_answered(exchange) && exchange_hasten(exchange, data_count))
        return MHD_YES;
    if (!exchange_run_handler(exchange, data_count))
        return MHD_YES;
    return exchange_conclude(exchange, data_count);
}

/* --- the end --- */

static const char *termination_name(enum MHD_RequestTerminationCode why)
{
    switch (why) {
    case MHD_REQUEST_TERMINATED_COMPLETED_OK: return "answered";
    case MHD_REQUEST_TERMINATED_WITH_ERROR: return "closed";
    case MHD_REQUEST_TERMINATED_TIMEOUT_REACHED: return "timeout";
    case MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN: return "shutdown";
    case MHD_REQUEST_TERMINATED_READ_ERROR: return "reset";
    case MHD_REQUEST_TERMINATED_CLIENT_ABORT: return "client-gone";
    }
    return "unknown";
}

/* Of the content. What a client took of the last piece before it was gone is not known, and not counted. */
static uint64_t exchange_sent(const struct exchange *exchange, enum MHD_RequestTerminationCode why)
{
    if (!exchange->said)
        return 0;
    if (!exchange->answer.file.present)
        return exchange->answer.body_count;
    return why == MHD_REQUEST_TERMINATED_COMPLETED_OK && exchange_sends_content(exchange)
               ? exchange->answer.file.count
               : exchange->file_sent;
}

/* An answer that waited for the end of a body which did not come, with the client still there. */
static bool exchange_owes_answer(const struct exchange *exchange,
                                 enum MHD_RequestTerminationCode why)
{
    return exchange->draining && !exchange->said &&
           (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED ||
            why == MHD_REQUEST_TERMINATED_CLIENT_ABORT ||
            why == MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN);
}

/* The last of it on the loop: nobody ends it any more, its handler comes to its end. */
static void exchange_finish(struct exchange *exchange, enum MHD_RequestTerminationCode why)
{
    if (exchange_owes_answer(exchange, why))
        exchange_say_by_hand(exchange);

    pthread_mutex_lock(&exchange->mutex);
    assert(!exchange->suspended); /* libmicrohttpd completes no suspended connection */
    exchange->socket = -1;
    pthread_mutex_unlock(&exchange->mutex);

    exchange->gone = true;
    if (!exchange_answered(exchange)) {
        fiber_resume(exchange->fiber);
        assert(fiber_finished(exchange->fiber)); /* a handler waited after the end */
    }
    exchange_tell(exchange, exchange_sent(exchange, why), termination_name(why));

    connection_set_occupant(exchange->place, NULL);
    exchange_drop_fiber(exchange);
    exchange_answer_done(exchange);
    exchange_release(exchange);
}

void exchange_on_completed(void *argument, struct MHD_Connection *connection, void **slot,
                           enum MHD_RequestTerminationCode why)
{
    struct exchange *exchange = *slot;
    struct exchanges *exchanges = argument;

    (void)connection;
    *slot = NULL;
    if (exchange == NULL || exchange->stream != NULL) /* which goes on: see exchange_on_closed() */
        return;

    connection_idle(exchanges->options.connections, exchange->place);
    exchange_finish(exchange, why);
}

/* libmicrohttpd forgets to complete a request when it cannot put a resumed connection back into epoll's
 * set. Its buffer is gone by now, and what was offered with it. */
bool exchange_on_closed(struct connection *place)
{
    struct exchange *exchange = connection_occupant(place);
    if (exchange == NULL)
        return false;
    if (exchange->stream != NULL) {
        exchange_begin_stream(exchange);
        return true;
    }

    if (exchange->offered.data != exchange->kept) {
        exchange->offered = bytes_of(NULL, 0);
        exchange->taken = 0;
    }
    exchange_finish(exchange, MHD_REQUEST_TERMINATED_WITH_ERROR);
    return false;
}
