#include "tools/ferry_bench/tus.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

/* A request's header, as it is written. */
struct header {
    size_t count;
    char text[1024];
};

__attribute__((format(printf, 2, 3))) static void header_add(struct header *header,
                                                             const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int count = vsnprintf(header->text + header->count, sizeof(header->text) - header->count,
                          format, arguments);
    va_end(arguments);
    assert(count >= 0);
    assert((size_t)count < sizeof(header->text) - header->count);
    header->count += (size_t)count;
}

static struct header header_of(const struct connection *connection, const char *method,
                               const char *path)
{
    struct header header = { 0 };

    header_add(&header, "%s %s HTTP/1.1\r\nHost: %s\r\nTus-Resumable: 1.0.0\r\n", method, path,
               connection->target->authority);
    return header;
}

/* The header's end and the body: in one call, as far as it is small. */
static void send_with_content(struct connection *connection, struct header *header,
                              uint64_t position, uint64_t bytes)
{
    header_add(header, "Content-Length: %" PRIu64 "\r\n\r\n", bytes);
    struct bytes text = bytes_of(header->text, header->count);
    if (bytes <= TARGET_AT_ONCE_BYTES) {
        struct bytes body = target_content(connection->target, position, (size_t)bytes);
        connection_send(connection, text, body, false);
        return;
    }
    connection_send(connection, text, bytes_of(NULL, 0), true);
    connection_content(connection, position, bytes);
}

static void expect_offset(const struct connection *connection, const struct answer *answer,
                          uint64_t offset)
{
    if (!answer->offset_known)
        connection_fail(connection, "the answer has no Upload-Offset");
    if (answer->offset != offset)
        connection_fail(connection, "the answer has Upload-Offset %" PRIu64 " instead of %" PRIu64,
                        answer->offset, offset);
}

static void took(const struct connection *connection, enum operation operation, uint64_t since_ns)
{
    crowd_add(connection->socket.client, operation, clock_monotonic_ns() - since_ns);
}

void tus_create(struct connection *connection, uint64_t length, uint64_t bytes,
                struct tus_path *ret_path)
{
    uint64_t since_ns = clock_monotonic_ns();
    struct header header = header_of(connection, "POST", connection->target->path);

    header_add(&header, "Upload-Length: %" PRIu64 "\r\n", length);
    if (bytes > 0)
        header_add(&header, "Content-Type: application/offset+octet-stream\r\n");
    send_with_content(connection, &header, 0, bytes);

    struct answer answer = connection_answer(connection);
    connection_expect(connection, &answer, 201);
    struct bytes path = target_path_of(connection->target, answer.location);
    if (path.count >= sizeof(ret_path->text))
        connection_fail(connection, "the Location is too long: %.*s", BYTES_ARGUMENT(path));
    (void)snprintf(ret_path->text, sizeof(ret_path->text), "%.*s", BYTES_ARGUMENT(path));
    if (bytes > 0)
        expect_offset(connection, &answer, bytes);
    took(connection, OPERATION_CREATE, since_ns);
}

static struct header append_header(const struct connection *connection, const struct tus_path *path,
                                   uint64_t offset)
{
    struct header header = header_of(connection, "PATCH", path->text);

    header_add(&header,
               "Upload-Offset: %" PRIu64 "\r\nContent-Type: application/offset+octet-stream\r\n",
               offset);
    return header;
}

void tus_append_begin(struct connection *connection, const struct tus_path *path, uint64_t offset,
                      uint64_t bytes)
{
    struct header header = append_header(connection, path, offset);

    header_add(&header, "Content-Length: %" PRIu64 "\r\n\r\n", bytes);
    connection_send(connection, bytes_of(header.text, header.count), bytes_of(NULL, 0), false);
}

void tus_append_end(struct connection *connection, uint64_t offset)
{
    struct answer answer = connection_answer(connection);

    connection_expect(connection, &answer, 204);
    expect_offset(connection, &answer, offset);
}

void tus_append(struct connection *connection, const struct tus_path *path, uint64_t offset,
                uint64_t bytes)
{
    uint64_t since_ns = clock_monotonic_ns();
    struct header header = append_header(connection, path, offset);

    send_with_content(connection, &header, offset, bytes);
    tus_append_end(connection, offset + bytes);
    took(connection, OPERATION_APPEND, since_ns);
}

static struct answer ask(struct connection *connection, const char *path)
{
    struct header header = header_of(connection, "HEAD", path);

    header_add(&header, "\r\n");
    connection_send(connection, bytes_of(header.text, header.count), bytes_of(NULL, 0), false);
    struct answer answer = connection_answer(connection);
    if (answer.status != 204)
        connection_expect(connection, &answer, 200);
    return answer;
}

uint64_t tus_offset(struct connection *connection, const struct tus_path *path)
{
    uint64_t since_ns = clock_monotonic_ns();
    struct answer answer = ask(connection, path->text);

    if (!answer.offset_known)
        connection_fail(connection, "the answer has no Upload-Offset");
    took(connection, OPERATION_OFFSET, since_ns);
    return answer.offset;
}

void plain_put(struct connection *connection, const struct tus_path *path, uint64_t bytes)
{
    uint64_t since_ns = clock_monotonic_ns();
    struct header header = header_of(connection, "PUT", path->text);

    send_with_content(connection, &header, 0, bytes);
    struct answer answer = connection_answer(connection);
    if (answer.status != 204)
        connection_expect(connection, &answer, 201);
    took(connection, OPERATION_PUT, since_ns);
}

uint64_t plain_length(struct connection *connection, const struct tus_path *path)
{
    struct answer answer = ask(connection, path->text);

    if (!answer.length_known)
        connection_fail(connection, "the answer has no Content-Length");
    return answer.length;
}
