#include "tools/ferry_bench/connection.h"

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SEND_MOST_BYTES = 1024 * 1024, /* by one call, so that others have their turn */
};

void connection_init(struct connection *connection, struct client *client,
                     const struct target *target)
{
    connection->socket = (struct crowd_socket){ .client = client, .fd = -1 };
    connection->target = target;
}

void connection_close(struct connection *connection)
{
    if (connection->socket.fd >= 0)
        (void)close(connection->socket.fd);
    connection->socket.fd = -1;
}

void connection_fail(const struct connection *connection, const char *format, ...)
{
    va_list arguments;
    char sentence[256];

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    errx(1, "client %zu, %s: %s", connection->socket.client->number, connection->doing, sentence);
}

/* Nothing can be sent: perhaps the server has said why. */
static void connection_fail_to_send(struct connection *connection, const char *why)
{
    ssize_t got = recv(connection->socket.fd, connection->in, sizeof(connection->in), MSG_DONTWAIT);
    struct bytes text = bytes_of(connection->in, got > 0 ? (size_t)got : 0);
    const char *end = text.count > 0 ? memchr(connection->in, '\r', text.count) : NULL;

    if (end != NULL)
        connection_fail(connection, "answered in the middle of the request: %.*s",
                        (int)(end - connection->in), connection->in);
    connection_fail(connection, "%s", why);
}

static void connection_wait(struct connection *connection, const char *what)
{
    if (!crowd_wait(connection->socket.client))
        connection_fail_to_send(connection, what);
}

/* ---- sending ---- */

static void connection_open(struct connection *connection)
{
    const struct target *target = connection->target;
    const int on = 1;
    int code = 0;
    socklen_t code_bytes = sizeof(code);

    connection_close(connection);
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        err(1, "a socket");
    connection->socket = (struct crowd_socket){ .client = connection->socket.client, .fd = fd };
    connection->filled = 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&target->address, target->address_bytes) < 0 &&
        errno != EINPROGRESS)
        connection_fail(connection, "connect: %s", strerrordesc_np(errno));
    crowd_watch(&connection->socket);

    struct sockaddr_storage peer;
    socklen_t peer_bytes = sizeof(peer);
    while (getpeername(fd, (struct sockaddr *)&peer, &peer_bytes) < 0) {
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &code_bytes) < 0 || code != 0)
            connection_fail(connection, "connect: %s", strerrordesc_np(code));
        connection_wait(connection, "the server does not accept connections");
        peer_bytes = sizeof(peer);
    }
}

/* How far a call of send came. */
static size_t connection_sent(struct connection *connection, ssize_t sent)
{
    if (sent > 0)
        return (size_t)sent;
    if (sent == 0)
        connection_fail(connection, "there is nothing more to send");
    if (errno == EAGAIN)
        connection_wait(connection, "the server takes no more bytes");
    else if (errno != EINTR)
        connection_fail_to_send(connection, strerrordesc_np(errno));
    return 0;
}

/* "PATCH /files/..." */
static void connection_note(struct connection *connection, struct bytes header)
{
    const char *text = (const char *)header.data;
    const char *version = memmem(text, header.count, " HTTP/", 6);

    (void)snprintf(connection->doing, sizeof(connection->doing), "%.*s",
                   version == NULL ? 0 : (int)(version - text), text);
}

void connection_send(struct connection *connection, struct bytes header, struct bytes body,
                     bool more)
{
    const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    struct iovec pieces[2] = {
        { .iov_base = (void *)(uintptr_t)header.data, .iov_len = header.count },
        { .iov_base = (void *)(uintptr_t)body.data, .iov_len = body.count },
    };

    connection_note(connection, header);
    if (connection->socket.fd < 0 || connection->socket.stale)
        connection_open(connection);
    while (pieces[0].iov_len + pieces[1].iov_len > 0) {
        const struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
        size_t sent = connection_sent(connection, sendmsg(connection->socket.fd, &message, flags));
        for (int i = 0; i < 2; i++) {
            size_t part = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
            pieces[i].iov_base = (char *)pieces[i].iov_base + part;
            pieces[i].iov_len -= part;
            sent -= part;
        }
    }
}

void connection_content(struct connection *connection, uint64_t position, uint64_t count)
{
    while (count > 0) {
        off_t at = (off_t)(position % TARGET_PERIOD_BYTES);
        size_t most = (size_t)(TARGET_PERIOD_BYTES - at);
        if (most > SEND_MOST_BYTES)
            most = SEND_MOST_BYTES;
        if (most > count)
            most = (size_t)count;
        size_t sent = connection_sent(
            connection, sendfile(connection->socket.fd, connection->target->content_fd, &at, most));
        position += sent;
        count -= sent;
    }
}

/* ---- answers ---- */

/* Adds what has come to what is there. */
static void connection_receive(struct connection *connection)
{
    for (;;) {
        ssize_t got = recv(connection->socket.fd, connection->in + connection->filled,
                           sizeof(connection->in) - connection->filled, 0);
        if (got > 0) {
            connection->filled += (size_t)got;
            return;
        }
        if (got == 0)
            connection_fail(connection, "the server closed the connection before its answer ended");
        if (errno == EAGAIN) {
            if (!crowd_wait(connection->socket.client))
                connection_fail(connection, "no answer");
        } else if (errno != EINTR) {
            connection_fail(connection, "%s", strerrordesc_np(errno));
        }
    }
}

static void connection_forget(struct connection *connection, size_t count)
{
    connection->filled -= count;
    memmove(connection->in, connection->in + count, connection->filled);
}

static void connection_skip(struct connection *connection, uint64_t count)
{
    while (count > 0) {
        if (connection->filled == 0)
            connection_receive(connection);
        size_t part = connection->filled < count ? connection->filled : (size_t)count;
        connection_forget(connection, part);
        count -= part;
    }
}

/* The length of the next chunk, whose line is taken. */
static uint64_t connection_chunk(struct connection *connection)
{
    const char *end;

    while ((end = memmem(connection->in, connection->filled, "\r\n", 2)) == NULL) {
        if (connection->filled == sizeof(connection->in))
            connection_fail(connection, "the line of a chunk has no end");
        connection_receive(connection);
    }
    char *digits_end;
    uint64_t count = strtoull(connection->in, &digits_end, 16);
    if (digits_end == connection->in)
        connection_fail(connection, "a chunk has no length");
    connection_forget(connection, (size_t)(end - connection->in) + 2);
    return count;
}

static void connection_skip_content(struct connection *connection, const struct answer *answer)
{
    bool bare = answer->status == 204 || answer->status == 304 ||
                strncmp(connection->doing, "HEAD ", 5) == 0;

    if (bare)
        return;
    if (answer->chunked) {
        uint64_t count;
        do {
            count = connection_chunk(connection);
            connection_skip(connection, count + 2);
        } while (count > 0);
    } else if (answer->length_known) {
        connection_skip(connection, answer->length);
    } else if (!answer->closes) {
        connection_fail(connection, "the answer has no length");
    }
}

static void connection_keep_location(struct connection *connection, struct answer *answer)
{
    if (answer->location.count > sizeof(connection->location))
        connection_fail(connection, "the answer has a Location of more than %zu bytes",
                        sizeof(connection->location));
    if (answer->location.count > 0)
        memcpy(connection->location, answer->location.data, answer->location.count);
    answer->location.data = (const uint8_t *)connection->location;
}

struct answer connection_answer(struct connection *connection)
{
    struct answer answer;

    while (answer_header_bytes(bytes_of(connection->in, connection->filled)) == 0) {
        if (connection->filled == sizeof(connection->in))
            connection_fail(connection, "the answer has a header of more than %d bytes",
                            CONNECTION_HEADER_MAX);
        connection_receive(connection);
    }
    const char *wrong = answer_parse(bytes_of(connection->in, connection->filled), &answer);
    if (wrong != NULL)
        connection_fail(connection, "that is no answer: %s", wrong);

    connection_keep_location(connection, &answer);
    connection_forget(connection, answer.header_bytes);
    connection_skip_content(connection, &answer);
    if (connection->filled > 0 && !answer.closes)
        connection_fail(connection, "there is more than an answer");
    connection->filled = 0;
    if (answer.closes)
        connection->socket.stale = true;
    return answer;
}

void connection_expect(const struct connection *connection, const struct answer *answer,
                       unsigned status)
{
    if (answer->status != status)
        connection_fail(connection, "answered %u instead of %u", answer->status, status);
}
