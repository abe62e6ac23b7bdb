#pragma once

/*
 * Exchanges: one request and its answer
 *
 * The one place that knows libmicrohttpd. Each request runs its handler on a fiber; whatever the
 * handler waits for, its connection is suspended or waits for data, and the loop serves others.
 *
 *   Waiting    exchange_read(), exchange_await() and offload() wait: the fiber stops, the thread goes
 *              on. Nothing else here waits.
 *   The end    a vanished client, a timeout, a newer request (exchange_end()) and shutdown all look
 *              the same to a handler: exchange_read() returns false, exchange_read_end() and all that
 *              waits give -ECANCELED at once, and its cleanup runs. It must then return without
 *              waiting.
 *   Threads    a fiber runs on the loop thread of its connection for life. From other threads only
 *              exchange_wake(), exchange_end(), exchange_interim(), exchange_ref() and exchange_unref()
 *              may be called.
 *   Memory     the request (fields, method, target) is valid until the handler returns
 *   Source     RFC 9110, RFC 9112; the order of libmicrohttpd's calls: exchange.c
 *
 * A handler:
 *
 *     while (exchange_read(exchange, &piece))
 *         ... use piece, before anything else that waits ...
 *     int r = exchange_read_end(exchange);
 *     if (r == 0)
 *         r = offload(exchange, blocking_function, argument);
 *     answer_text(exchange_answer(exchange), 200, "done");
 *     return r;
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "protocol/forwarded.h"
#include "protocol/message.h"
#include "server/answer.h"
#include "server/operation.h"

struct exchange;

/* What the server's owner gave to exchanges_new(): the store, the configuration. */
void *exchange_context(const struct exchange *exchange);

/* --- the request --- */

/* Request line and fields, see protocol/message.h. */
const struct message *exchange_message(const struct exchange *exchange);

/* The length of the body, or that it is chunked. */
const struct framing *exchange_framing(const struct exchange *exchange);

/* Who asks, and how the server was addressed, as far as trusted proxies say. */
const struct forwarded *exchange_origin(const struct exchange *exchange);

struct bytes exchange_path(const struct exchange *exchange);
struct bytes exchange_query(const struct exchange *exchange);

/* --- its body --- */

/*
 * The next piece of the body: borrowed until the next call that waits. False when the body is complete
 * or will never be: exchange_read_end() tells which. Waits.
 */
bool exchange_read(struct exchange *exchange, struct bytes *ret_piece);

/* Gives the last count bytes of the piece back: exchange_read() will return them again. */
void exchange_unread(struct exchange *exchange, size_t count);

/* 0 when the whole body has been read; -ECANCELED when it will not come. */
int exchange_read_end(const struct exchange *exchange);

/*
 * The trailer field of that name, once the body is complete; its data is NULL when there is none.
 *
 * Refuses with REFUSED_REPEATED_FIELD, REFUSED_MALFORMED_MESSAGE; -ECANCELED when the client is gone, and
 * what it sent with it.
 */
int exchange_trailer(const struct exchange *exchange, const char *name, struct bytes *ret_value);

/* --- its answer --- */

struct answer *exchange_answer(struct exchange *exchange);

/*
 * Sends an interim response (a 1xx status with fields) at once, before the final answer; from any thread
 * that has a reference, where libmicrohttpd has nothing of its own to say: in the handler, while the
 * connection is suspended, or while a body of a stated length is read.
 *
 * False when it was left out: after the handler has answered, to an HTTP/1.0 client, and while the socket
 * holds bytes that the client has not acknowledged, so that it is always sent whole and never waits. A
 * second one may be left out because of the first for as long as an acknowledgement takes.
 */
bool exchange_interim(struct exchange *exchange, const struct answer *interim);

/* Closes what is not sent after all (or NULL: nothing) on a worker: the last descriptor of a deleted one
 * takes its time. */
void exchange_close(struct exchange *exchange, struct content *content);

/* --- for the log and the metrics --- */

/* What it is about: the name of an upload, in the log. Of several the last counts; a long one is cut. */
void exchange_name_upload(struct exchange *exchange, const char *name);

/* What the handler does, when the route alone does not say. */
void exchange_name_operation(struct exchange *exchange, enum operation operation);

/* What an exchange may wait for. What is left of its duration it spent on the loop. */
enum exchange_time {
    EXCHANGE_NETWORK, /* counted by the exchange itself: the body on its way in, the answer on its way out */
    EXCHANGE_DISK,
    EXCHANGE_DATABASE,
};

enum {
    EXCHANGE_TIMES = EXCHANGE_DATABASE + 1
};

void exchange_spend(struct exchange *exchange, enum exchange_time on, uint64_t ns);

/* --- waiting --- */

/*
 * Runs the function on a worker and yields its result. -ECANCELED, without running it, when the
 * exchange is over; REFUSED_OVERLOADED when too much waits already. Waits.
 */
int offload(struct exchange *exchange, int (*function)(void *argument), void *argument);

/*
 * Calls start(), then waits until some thread calls exchange_wake(), which has to happen exactly once. start() runs on
 * the loop's thread with the connection suspended; it must not wait and may wake at once.
 * 0; -ECANCELED, without calling start(), when the exchange is over. Waits.
 */
int exchange_await(struct exchange *exchange,
                   void (*start)(struct exchange *exchange, void *argument), void *argument);
void exchange_wake(struct exchange *exchange);

/* --- from other threads --- */

/* Keeps the exchange in memory, so that it may be ended, when it is long over, too. */
struct exchange *exchange_ref(struct exchange *exchange);
void exchange_unref(struct exchange *exchange);

/*
 * Ends it: no byte of its body is accepted after this call has returned, however much the kernel
 * still holds. A body that was complete before is not touched, and its answer still goes out. A handler
 * that waits for a worker or a wake sees the end when that has come: what it waits for uses its stack.
 * Yields how many bytes of the body had been accepted; some of them may still be given back.
 */
uint64_t exchange_end(struct exchange *exchange);
