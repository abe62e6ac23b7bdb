/*
 * Everything but `stopping` belongs to the acceptor's thread once it runs.
 *
 * epoll's data is a number: WAKE, a listener's index + 1, or the id of a connection. A connection stays in
 * epoll's set for all its life: first for its first byte, then, once, for its end, which libmicrohttpd may
 * miss. Ids are never used again, so an event of a socket that is closed by now does no harm.
 */
#define LOG_MODULE "acceptor"
#include "server/acceptor.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "server/answer.h"

enum {
    WAKE = 0,
    EXHAUSTED_PAUSE_MS = 100, /* without descriptors or memory: how long before the next try */
    ACCEPTS_PER_ROUND = 64,   /* so that connections and deadlines have their turn */
};

struct acceptor {
    struct acceptor_options options;
    int epoll_fd, wake_fd;
    pthread_t thread;
    atomic_bool stopping;
    uint64_t paused_until_ms; /* 0: listening */
};

static int acceptor_watch(struct acceptor *acceptor, int fd, uint64_t number)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = number };
    return epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* Without descriptors, a listener that stays readable would make this thread spin. */
static void acceptor_pause(struct acceptor *acceptor, int code)
{
    log_warning("cannot accept: %s", strerrordesc_np(code));
    for (size_t i = 0; i < acceptor->options.listener_count; i++)
        (void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, acceptor->options.listeners[i].fd, NULL);
    acceptor->paused_until_ms = clock_monotonic_ms() + EXHAUSTED_PAUSE_MS;
}

static int acceptor_listen(struct acceptor *acceptor)
{
    int r = 0;

    acceptor->paused_until_ms = 0;
    for (size_t i = 0; i < acceptor->options.listener_count && r == 0; i++)
        r = acceptor_watch(acceptor, acceptor->options.listeners[i].fd, i + 1);
    return r;
}

static void acceptor_refuse(struct acceptor *acceptor, int fd)
{
    (void)send(fd, ANSWER_503.data, ANSWER_503.count, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    linger_take(acceptor->options.linger, fd);
}

/* One connection; false when there is none to accept for now. */
static bool acceptor_accept(struct acceptor *acceptor, int listener_fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t count = sizeof(address);
    uint64_t id = 0;

    int fd =
        accept4(listener_fd, (struct sockaddr *)&address, &count, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            acceptor_pause(acceptor, errno);
        return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
    }

    int r = connections_admit(acceptor->options.connections, fd, (struct sockaddr *)&address, count,
                              &id);
    if (r != 0)
        acceptor_refuse(acceptor, fd);
    else if (acceptor_watch(acceptor, fd, id) != 0)
        connections_leave(acceptor->options.connections, fd);
    return true;
}

static void acceptor_connection_event(struct acceptor *acceptor, uint64_t id)
{
    struct epoll_event end = { .events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = id };
    struct arrival arrival;

    if (!connections_event(acceptor->options.connections, id, &arrival))
        return;
    (void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_MOD, arrival.fd, &end);
    acceptor->options.deliver(acceptor->options.argument, arrival.fd,
                              (const struct sockaddr *)&arrival.address, arrival.address_count);
}

static void acceptor_handle(struct acceptor *acceptor, uint64_t number)
{
    eventfd_t value;

    if (number == WAKE) {
        (void)eventfd_read(acceptor->wake_fd, &value);
    } else if (number <= acceptor->options.listener_count) {
        for (int i = 0; i < ACCEPTS_PER_ROUND; i++)
            if (!acceptor_accept(acceptor, acceptor->options.listeners[number - 1].fd))
                break;
    } else {
        acceptor_connection_event(acceptor, number);
    }
}

/* Keeps the deadlines, listens again after a pause; tells how long epoll may wait. */
static int acceptor_deadlines(struct acceptor *acceptor)
{
    uint64_t now = clock_monotonic_ms();
    int timeout_ms = connections_expire(acceptor->options.connections);

    if (acceptor->paused_until_ms != 0 && acceptor->paused_until_ms <= now) {
        int r = acceptor_listen(acceptor);
        if (r != 0)
            acceptor_pause(acceptor, -r);
    }
    if (acceptor->paused_until_ms != 0 && (timeout_ms < 0 || timeout_ms > EXHAUSTED_PAUSE_MS))
        timeout_ms = EXHAUSTED_PAUSE_MS;
    return timeout_ms;
}

static void *acceptor_run(void *argument)
{
    struct acceptor *acceptor = argument;
    struct epoll_event events[64];

    (void)pthread_setname_np(pthread_self(), "ferry-acceptor");
    while (!atomic_load(&acceptor->stopping)) {
        int count = epoll_wait(acceptor->epoll_fd, events, 64, acceptor_deadlines(acceptor));
        for (int i = 0; i < count; i++)
            acceptor_handle(acceptor, events[i].data.u64);
    }
    return NULL;
}

static void acceptor_free(struct acceptor *acceptor)
{
    if (acceptor->epoll_fd >= 0)
        (void)close(acceptor->epoll_fd);
    if (acceptor->wake_fd >= 0)
        (void)close(acceptor->wake_fd);
    free(acceptor);
}

static int acceptor_begin(struct acceptor *acceptor)
{
    acceptor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    acceptor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (acceptor->epoll_fd < 0 || acceptor->wake_fd < 0)
        return -errno;

    int r = acceptor_watch(acceptor, acceptor->wake_fd, WAKE);
    if (r == 0)
        r = acceptor_listen(acceptor);
    return r == 0 ? -pthread_create(&acceptor->thread, NULL, acceptor_run, acceptor) : r;
}

int acceptor_start(const struct acceptor_options *options, struct acceptor **ret_acceptor)
{
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
    if (acceptor == NULL)
        return fail_errno("start accepting");

    acceptor->options = *options;
    int r = acceptor_begin(acceptor);
    if (r != 0) {
        acceptor_free(acceptor);
        return fail_code(-r, "start accepting");
    }

    *ret_acceptor = acceptor;
    return 0;
}

void acceptor_stop(struct acceptor *acceptor)
{
    if (acceptor == NULL)
        return;

    atomic_store(&acceptor->stopping, true);
    (void)eventfd_write(acceptor->wake_fd, 1);
    (void)pthread_join(acceptor->thread, NULL);
    acceptor_free(acceptor);
}
