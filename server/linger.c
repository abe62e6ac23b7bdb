#define LOG_MODULE "linger"
#include "server/linger.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"

struct lingering {
    TAILQ_ENTRY(lingering) entry;
    int fd;
    uint64_t deadline_ms;
    uint64_t bytes;
};

TAILQ_HEAD(lingering_list, lingering);

struct linger_closer {
    int epoll_fd, wake_fd;
    pthread_t thread;
    pthread_mutex_t mutex;         /* guards all below it */
    struct lingering_list sockets; /* all have the same time: the first is the first to go */
    unsigned count;
    bool stopping;
};

/* With the mutex held. */
static void lingering_detach(struct linger_closer *closer, struct lingering *lingering)
{
    TAILQ_REMOVE(&closer->sockets, lingering, entry);
    assert(TAILQ_FIRST(&closer->sockets) != lingering);
    closer->count--;
}

/* Detached: without the mutex, since closing throws away what the kernel still holds. */
static void lingering_close(struct linger_closer *closer, struct lingering *lingering)
{
    /* The library may still have its descriptor of the same socket open: closing ours alone would leave
     * it in epoll's set, with a pointer to what is freed here. */
    (void)epoll_ctl(closer->epoll_fd, EPOLL_CTL_DEL, lingering->fd, NULL);
    (void)close(lingering->fd);
    free(lingering);
}

/* Into the list, and into epoll's set. With the mutex held. */
static bool lingering_enter(struct linger_closer *closer, struct lingering *lingering)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = lingering };

    if (closer->count >= LINGER_SOCKETS || closer->stopping ||
        epoll_ctl(closer->epoll_fd, EPOLL_CTL_ADD, lingering->fd, &event) != 0)
        return false;
    TAILQ_INSERT_TAIL(&closer->sockets, lingering, entry);
    closer->count++;
    return true;
}

void linger_take(struct linger_closer *closer, int fd)
{
    struct lingering *lingering = malloc(sizeof(*lingering));
    bool entered = false;

    if (lingering != NULL) {
        *lingering = (struct lingering){ .fd = fd,
                                         .deadline_ms = clock_monotonic_ms() + LINGER_S * 1000ULL };
        pthread_mutex_lock(&closer->mutex);
        entered = lingering_enter(closer, lingering);
        pthread_mutex_unlock(&closer->mutex);
    }
    if (entered) {
        (void)eventfd_write(closer->wake_fd, 1); /* the thread may be sleeping for ever */
        return;
    }

    free(lingering);
    (void)close(fd);
}

/* False when the client has closed, too, or has sent too much. */
static bool lingering_drain(struct lingering *lingering)
{
    static char nothing[64 * 1024]; /* the thread's alone; never looked at */

    ssize_t got = recv(lingering->fd, nothing, sizeof(nothing), MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    lingering->bytes += (uint64_t)got;
    return got > 0 && lingering->bytes < LINGER_BYTES;
}

/* The first one whose time is over, detached, or NULL; how long until the next one's is. */
static struct lingering *linger_overdue(struct linger_closer *closer, int *ret_timeout_ms)
{
    uint64_t now = clock_monotonic_ms();

    pthread_mutex_lock(&closer->mutex);
    struct lingering *first = TAILQ_FIRST(&closer->sockets);
    bool overdue = first != NULL && first->deadline_ms <= now;
    if (overdue)
        lingering_detach(closer, first);
    *ret_timeout_ms = first == NULL || overdue ? -1 : (int)(first->deadline_ms - now);
    pthread_mutex_unlock(&closer->mutex);
    return overdue ? first : NULL;
}

/* Closes what has had its time; how long until the next one has, for epoll_wait(). */
static int linger_expire(struct linger_closer *closer)
{
    struct lingering *overdue;
    int timeout_ms;

    while ((overdue = linger_overdue(closer, &timeout_ms)) != NULL)
        lingering_close(closer, overdue);
    return timeout_ms;
}

static bool linger_stopping(struct linger_closer *closer)
{
    pthread_mutex_lock(&closer->mutex);
    bool stopping = closer->stopping;
    pthread_mutex_unlock(&closer->mutex);
    return stopping;
}

static void *linger_run(void *argument)
{
    struct linger_closer *closer = argument;
    struct epoll_event events[64];

    (void)pthread_setname_np(pthread_self(), "ferry-linger");
    while (!linger_stopping(closer)) {
        int count = epoll_wait(closer->epoll_fd, events, 64, linger_expire(closer));
        for (int i = 0; i < count; i++) {
            struct lingering *lingering = events[i].data.ptr;
            if (lingering == NULL) {
                eventfd_t value;
                (void)eventfd_read(closer->wake_fd, &value);
            } else if (!lingering_drain(lingering)) {
                pthread_mutex_lock(&closer->mutex);
                lingering_detach(closer, lingering);
                pthread_mutex_unlock(&closer->mutex);
                lingering_close(closer, lingering);
            }
        }
    }
    return NULL;
}

int linger_start(struct linger_closer **ret_closer)
{
    struct epoll_event wake = { .events = EPOLLIN, .data.ptr = NULL };
    struct linger_closer *closer = calloc(1, sizeof(*closer));
    if (closer == NULL)
        return fail_errno("start lingering");

    TAILQ_INIT(&closer->sockets);
    (void)pthread_mutex_init(&closer->mutex, NULL);
    closer->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    closer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int code = 0;
    if (closer->epoll_fd < 0 || closer->wake_fd < 0 ||
        epoll_ctl(closer->epoll_fd, EPOLL_CTL_ADD, closer->wake_fd, &wake) != 0)
        code = errno;
    if (code == 0)
        code = pthread_create(&closer->thread, NULL, linger_run, closer);
    if (code != 0) {
        (void)close(closer->epoll_fd);
        (void)close(closer->wake_fd);
        free(closer);
        return fail_code(code, "start lingering");
    }

    *ret_closer = closer;
    return 0;
}

void linger_stop(struct linger_closer *closer)
{
    if (closer == NULL)
        return;

    pthread_mutex_lock(&closer->mutex);
    closer->stopping = true;
    pthread_mutex_unlock(&closer->mutex);
    (void)eventfd_write(closer->wake_fd, 1);
    (void)pthread_join(closer->thread, NULL);

    while (!TAILQ_EMPTY(&closer->sockets)) {
        struct lingering *first = TAILQ_FIRST(&closer->sockets);
        lingering_detach(closer, first);
        lingering_close(closer, first);
    }
    (void)close(closer->epoll_fd);
    (void)close(closer->wake_fd);
    (void)pthread_mutex_destroy(&closer->mutex);
    free(closer);
}
