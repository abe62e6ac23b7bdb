/*
 * How libmicrohttpd 0.9.75 asks for content
 *
 *   1. It calls content_read() on the loop with the number of bytes that it has sent, and calls again when
 *      all that was given is sent.
 *   2. A call that yields nothing has to suspend the connection; the resume is followed by the same call,
 *      with the same buffer, which is the response's own and lives as long as the content.
 *   3. It gives the content back (content_free()) after on_completed: the exchange may be gone by then.
 */
#define LOG_MODULE "content"
#include "server/exchange_content.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fail.h"
#include "server/exchange_private.h"

enum {
    AHEAD_BYTES =
        1024 * 1024, /* what a reader has the disk bring besides: so often one is needed */
};

struct content {
    struct job job; /* first: a job is a content */
    struct exchange *exchange;
    struct workers *workers; /* who close the file */
    int fd;
    uint64_t offset, count;

    /* The piece that a reader brings, straight into libmicrohttpd's buffer. */
    struct iovec room;
    uint64_t position;
    bool fetched;
    ssize_t result; /* > 0: bytes; 0: the file ends here; -errno */
};

/* > 0: bytes; 0: the file ends here; -errno. */
static ssize_t content_get(const struct content *content, uint64_t position, struct iovec room,
                           int flags)
{
    ssize_t count;

    do
        count = preadv2(content->fd, &room, 1, (off_t)(content->offset + position), flags);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

/* On a reader. */
static void content_fetch(struct job *job)
{
    struct content *content = (struct content *)job;
    uint64_t left = content->count - content->position;

    content->result = -ECANCELED;
    if (!exchange_over(content->exchange)) {
        (void)posix_fadvise(content->fd, (off_t)(content->offset + content->position),
                            (off_t)(left < AHEAD_BYTES ? left : AHEAD_BYTES), POSIX_FADV_WILLNEED);
        content->result = content_get(content, content->position, content->room, 0);
    }
    content->fetched = true;
    exchange_wake(content->exchange); /* the content may be gone */
}

/* One job per connection at most: the readers refuse none. */
static void content_start(struct exchange *exchange, void *argument)
{
    struct content *content = argument;

    (void)workers_submit(exchange->exchanges->options.readers, &content->job);
}

/* Nothing to give yet, and the connection suspended; or nothing to give any more. */
static ssize_t content_wait(struct content *content, uint64_t position, struct iovec room)
{
    content->position = position;
    content->room = room;
    content->exchange->start = content_start;
    content->exchange->start_argument = content;
    return exchange_suspend(content->exchange) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* A client is never told that it has everything when it has not: the connection breaks. */
static ssize_t content_fail(const struct content *content, uint64_t position, ssize_t result)
{
    int code = result == 0 ? EIO : (int)-result;

    if (result != -ECANCELED)
        (void)fail_code(code, "send %.512s: %s at byte %" PRIu64 " exchange=%" PRIu64,
                        content->exchange->target,
                        result == 0 ? "the file has become shorter" : "the file cannot be read",
                        content->offset + position, content->exchange->number);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libmicrohttpd's type */
static ssize_t content_read(void *argument, uint64_t position, char *buffer, size_t count)
{
    struct content *content = argument;
    struct iovec room = { .iov_base = buffer, .iov_len = count };
    ssize_t result;

    content->exchange->file_sent = position;
    if (exchange_over(content->exchange))
        return MHD_CONTENT_READER_END_WITH_ERROR;

    if (content->fetched) {
        content->fetched = false;
        result = content->result;
    } else {
        result = content_get(content, position, room, RWF_NOWAIT);
        if (result == -EAGAIN || result == -EOPNOTSUPP)
            return content_wait(content, position, room);
    }
    return result > 0 ? result : content_fail(content, position, result);
}

struct closing {
    struct job job; /* first: a job is a closing */
    int fd;
};

/* On a worker. */
static void closing_run(struct job *job)
{
    struct closing *closing = (struct closing *)job;

    (void)close(closing->fd);
    free(closing);
}

/* The last descriptor of a deleted file gives back its pages in the cache and its blocks: 0.2 s for each GiB.
 * Where no worker can have it, it is better closed here than kept. */
static void close_elsewhere(struct workers *workers, int fd)
{
    if (fd < 0)
        return;
    struct closing *closing = malloc(sizeof(*closing));
    if (closing != NULL)
        *closing = (struct closing){ .job.run = closing_run, .fd = fd };
    if (closing == NULL || workers_submit(workers, &closing->job) != 0) {
        (void)close(fd);
        free(closing);
    }
}

void exchange_close(struct exchange *exchange, int fd)
{
    close_elsewhere(exchange->exchanges->options.workers, fd);
}

static void content_free(void *argument)
{
    struct content *content = argument;

    close_elsewhere(content->workers, content->fd);
    free(content);
}

struct MHD_Response *exchange_content(struct exchange *exchange)
{
    struct answer_file file = answer_take_file(&exchange->answer);
    struct content *content = malloc(sizeof(*content));
    if (content == NULL) {
        exchange_close(exchange, file.fd);
        return NULL;
    }

    *content = (struct content){
        .job.run = content_fetch,
        .exchange = exchange,
        .workers = exchange->exchanges->options.workers,
        .fd = file.fd,
        .offset = file.offset,
        .count = file.count,
    };
    size_t block = file.count < CONTENT_BLOCK_BYTES ? (size_t)file.count : CONTENT_BLOCK_BYTES;
    if (file.fd < 0 || block == 0)
        block = 1; /* nothing will be read */
    struct MHD_Response *response =
        MHD_create_response_from_callback(file.count, block, content_read, content, content_free);
    if (response == NULL)
        content_free(content);
    return response;
}
