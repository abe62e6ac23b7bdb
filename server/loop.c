#define LOG_MODULE "loop"
#include "server/loop.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/fail.h"
#include "server/exchange_callbacks.h"

enum {
    /* Both the request's and the answer's header share it, half of it at least is the read buffer, and all of it
     * is written once per request: larger costs more than it gains. */
    CONNECTION_MEMORY_BYTES = 128 * 1024,
};

struct loop {
    struct loop_options options;
    struct MHD_Daemon *daemon;
    atomic_size_t count;
};

/*
 * Stands in front of the C library's for libmicrohttpd, which takes 128 events at a time, and when it has got as
 * many asks for more before it looks at them, with the same timeout: if those were all, the connections that
 * they belong to wait until something else happens. Who has just been given all that fits does not wait.
 */
int loop_epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms)
    __asm__("epoll_wait");
int loop_epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms)
{
    static _Thread_local bool full;

    int count = epoll_pwait(fd, events, most, full ? 0 : timeout_ms, NULL);
    full = count == most;
    return count;
}

/* Its lines are about single clients: nobody has to act on them. */
__attribute__((format(printf, 2, 0))) static void loop_log(void *argument, const char *format,
                                                           va_list arguments)
{
    char line[256];

    (void)argument;
    (void)vsnprintf(line, sizeof(line), format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_write(LOG_LEVEL_DEBUG, "mhd", "%s", line);
}

/* Percent-encoding stays: undone, %2F would make a path of a name and %00 would cut it. */
static size_t loop_unescape(void *argument, struct MHD_Connection *connection, char *text)
{
    (void)argument, (void)connection;
    return strlen(text);
}

static void loop_on_connection(void *argument, struct MHD_Connection *connection,
                               void **socket_slot, enum MHD_ConnectionNotificationCode what)
{
    struct loop *loop = argument;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_slot = connection_open(loop->options.connections, fd);
        return;
    }

    if (exchange_on_closed(*socket_slot))
        return;
    /* Who sees the end may come again at once, and is not to be counted twice. */
    connection_close(loop->options.connections, *socket_slot);
    (void)shutdown(fd, SHUT_WR); /* which the library leaves out, see loop_start() */
}

int loop_start(const struct loop_options *options, struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return fail_errno("start a loop");

    loop->options = *options;
    /* clang-format off */
    loop->daemon = MHD_start_daemon(
        /* turbo: a new connection, which has sent something, is read from without asking epoll first; and a
         * socket is closed without being shut down, so that we may go on with it (server/stream.h) */
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TURBO,
        0, NULL, NULL, exchange_on_request, options->exchanges,
        MHD_OPTION_EXTERNAL_LOGGER, loop_log, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        /* so much room it wants before it reads: so while a body flows its buffer takes what is left, bit by bit */
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)INT_MAX, /* server/connections.h keeps it */
        MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
        /* not 1, which closes without an answer where we say 400: protocol/message.c is stricter */
        MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_UNESCAPE_CALLBACK, loop_unescape, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, exchange_on_uri, options->exchanges,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, options->exchanges,
        MHD_OPTION_NOTIFY_CONNECTION, loop_on_connection, loop,
        MHD_OPTION_END);
    /* clang-format on */
    if (loop->daemon == NULL) {
        free(loop);
        return fail_code(errno > 0 ? errno : EIO, "start a loop");
    }

    *ret_loop = loop;
    return 0;
}

void loop_add(struct loop *loop, int fd, const struct sockaddr *address, socklen_t count)
{
    connections_assign(loop->options.connections, fd, &loop->count);
    if (MHD_add_connection(loop->daemon, fd, address, count) != MHD_YES)
        connections_leave(loop->options.connections, fd); /* it has closed the socket */
}

size_t loop_count(const struct loop *loop)
{
    return atomic_load(&loop->count);
}

void loop_stop(struct loop *loop)
{
    if (loop == NULL)
        return;

    MHD_stop_daemon(loop->daemon);
    free(loop);
}
