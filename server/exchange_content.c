/*
 * How libmicrohttpd 0.9.75 asks for content
 *
 *   1. It calls delivery_read() on the loop with the number of bytes that it has sent, and calls again when
 *      all that was given is sent.
 *   2. A call that yields nothing has to suspend the connection; the resume is followed by the same call,
 *      with the same buffer, which is the response's own and lives as long as the content.
 *   3. It gives the content back (delivery_free()) after on_completed: the exchange may be gone by then.
 */
#define LOG_MODULE "content"
#include "server/exchange_content.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/fail.h"
#include "server/exchange_private.h"

struct delivery {
    struct job job; /* first: a job is a delivery */
    struct exchange *exchange;
    struct workers *workers; /* who close the content */
    struct content *content; /* NULL: nothing will be read */
    uint64_t offset, count;

    /* The piece that a reader brings, straight into libmicrohttpd's buffer. */
    struct iovec room;
    uint64_t position;
    bool fetched;
    uint64_t asked_ns; /* when it was asked to */
    ssize_t result; /* > 0: bytes; 0: the file ends here; -errno */
};

/* > 0: bytes; 0: the file ends here; -errno. */
static ssize_t delivery_get(const struct delivery *delivery, uint64_t position, struct iovec room,
                            bool now)
{
    return content_read(delivery->content, room.iov_base, room.iov_len,
                        delivery->offset + position, now);
}

/* On a reader. */
static void delivery_fetch(struct job *job)
{
    struct delivery *delivery = (struct delivery *)job;

    delivery->result = -ECANCELED;
    if (!exchange_over(delivery->exchange))
        delivery->result = delivery_get(delivery, delivery->position, delivery->room, false);
    delivery->fetched = true;
    exchange_wake(delivery->exchange); /* the content may be gone */
}

/* One job per connection at most: the readers refuse none. */
static void delivery_start(struct exchange *exchange, void *argument)
{
    struct delivery *delivery = argument;

    (void)workers_submit(exchange->exchanges->options.readers, &delivery->job);
}

/* Nothing to give yet, and the connection suspended; or nothing to give any more. */
static ssize_t delivery_wait(struct delivery *delivery, uint64_t position, struct iovec room)
{
    delivery->position = position;
    delivery->room = room;
    delivery->asked_ns = clock_monotonic_ns();
    delivery->exchange->start = delivery_start;
    delivery->exchange->start_argument = delivery;
    return exchange_suspend(delivery->exchange) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* A client is never told that it has everything when it has not: the connection breaks. */
static ssize_t delivery_fail(const struct delivery *delivery, uint64_t position, ssize_t result)
{
    int code = result == 0 ? EIO : (int)-result;

    if (result != -ECANCELED)
        (void)fail_code(code, "send %.512s: %s at byte %" PRIu64 " exchange=%" PRIu64,
                        delivery->exchange->target,
                        result == 0 ? "the file has become shorter" : "the file cannot be read",
                        delivery->offset + position, delivery->exchange->number);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libmicrohttpd's type */
static ssize_t delivery_read(void *argument, uint64_t position, char *buffer, size_t count)
{
    struct delivery *delivery = argument;
    struct iovec room = { .iov_base = buffer, .iov_len = count };
    ssize_t result;

    delivery->exchange->file_sent = position;
    if (exchange_over(delivery->exchange))
        return MHD_CONTENT_READER_END_WITH_ERROR;

    if (delivery->fetched) {
        uint64_t waited_ns = clock_monotonic_ns() - delivery->asked_ns;
        exchange_spend(delivery->exchange, EXCHANGE_DISK, waited_ns);
        delivery->exchange->said_ns += waited_ns; /* it was not the network that had to be waited for */
        delivery->fetched = false;
        result = delivery->result;
    } else {
        result = delivery_get(delivery, position, room, true);
        if (result == -EAGAIN)
            return delivery_wait(delivery, position, room);
    }
    return result > 0 ? result : delivery_fail(delivery, position, result);
}

struct closing {
    struct job job; /* first: a job is a closing */
    struct content *content;
};

/* On a worker. */
static void closing_run(struct job *job)
{
    struct closing *closing = (struct closing *)job;

    content_close(closing->content);
    free(closing);
}

/* The last descriptor of a deleted file gives back its pages in the cache and its blocks: 0.2 s for each GiB.
 * Where no worker can have it, it is better closed here than kept. */
static void close_elsewhere(struct workers *workers, struct content *content)
{
    if (content == NULL)
        return;
    struct closing *closing = malloc(sizeof(*closing));
    if (closing != NULL)
        *closing = (struct closing){ .job.run = closing_run, .content = content };
    if (closing == NULL || workers_submit(workers, &closing->job) != 0) {
        content_close(content);
        free(closing);
    }
}

void exchange_close(struct exchange *exchange, struct content *content)
{
    close_elsewhere(exchange->exchanges->options.workers, content);
}

static void delivery_free(void *argument)
{
    struct delivery *delivery = argument;

    close_elsewhere(delivery->workers, delivery->content);
    free(delivery);
}

struct MHD_Response *exchange_content(struct exchange *exchange)
{
    struct answer_file file = answer_take_file(&exchange->answer);
    struct delivery *delivery = malloc(sizeof(*delivery));
    if (delivery == NULL) {
        exchange_close(exchange, file.content);
        return NULL;
    }

    *delivery = (struct delivery){
        .job.run = delivery_fetch,
        .exchange = exchange,
        .workers = exchange->exchanges->options.workers,
        .content = file.content,
        .offset = file.offset,
        .count = file.count,
    };
    size_t block = file.count < CONTENT_BLOCK_BYTES ? (size_t)file.count : CONTENT_BLOCK_BYTES;
    if (file.content == NULL || block == 0)
        block = 1; /* nothing will be read */
    struct MHD_Response *response =
        MHD_create_response_from_callback(file.count, block, delivery_read, delivery, delivery_free);
    if (response == NULL)
        delivery_free(delivery);
    return response;
}
