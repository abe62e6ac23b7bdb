/*
 * Invariants, all under the mutex:
 *
 *   1. Every connection is in exactly one list. In each list all have the same time (busy, detached: none), so
 *      the first is the first to be overdue.
 *   2. by_fd[fd] is the connection of that descriptor from accept() to close(); one that is detached has none. libmicrohttpd may close
 *      one without telling; then the next one with that descriptor finds the old record and ends it.
 *   3. A record's descriptor is open: libmicrohttpd closes it after connection_close(). (Only what it
 *      closes silently, without memory or while it is stopped, breaks this until 2 mends it; a deadline
 *      that passes in between may shut down a socket that has got the same descriptor.)
 *   4. An address is in the tree while its count is above 0.
 */
#define LOG_MODULE "connections"
#include "server/connections.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/refusal.h"
#include "server/answer.h"

enum {
    TICK_MS = 500,       /* deadlines are kept to this */
    ENDS_PER_HOLD = 32,  /* then the mutex is let go of for a moment */
    REMIND_FIRST_MS = 1, /* after a client's end: its loop is told again */
    REMIND_GROWTH = 4,   /* each pause is so many times the one before */
    REMIND_LAST_MS = 1000,
};

TAILQ_HEAD(connection_list, connection);

struct connection {
    TAILQ_ENTRY(connection) entry;
    struct connection_list *list; /* the one it is in */
    uint64_t id;
    int fd;
    uint64_t deadline_ms;
    struct sockaddr_storage address;
    socklen_t address_count;
    atomic_size_t *load; /* of its loop */
    bool kept;           /* one of connections->kept */
    void *occupant;

    TAILQ_ENTRY(connection) half_closed; /* when remind_pause_ms > 0 */
    uint64_t remind_pause_ms; /* from the last time that its loop was told of the end to the next */
    uint64_t remind_ms;       /* when that is */
};

struct address_count {
    uint8_t key[16];
    size_t count;
};

struct connections {
    struct connections_options options;
    pthread_mutex_t mutex; /* guards all below it */
    size_t count, kept;
    uint64_t generation; /* of the last id; the lower half of an id is the descriptor */
    struct connection **by_fd;
    size_t by_fd_count;
    void *addresses; /* tsearch(3) tree of struct address_count */
    struct connection_list silent, arriving, idle, draining, busy, detached;
    struct connection_list half_closed;
    uint64_t remind_ms; /* nobody has to be reminded before */
};

int connections_new(const struct connections_options *options, struct connections **ret_connections)
{
    struct connections *connections = calloc(1, sizeof(*connections));
    if (connections == NULL)
        return fail_errno("count connections");

    connections->options = *options;
    (void)pthread_mutex_init(&connections->mutex, NULL);
    TAILQ_INIT(&connections->silent);
    TAILQ_INIT(&connections->arriving);
    TAILQ_INIT(&connections->idle);
    TAILQ_INIT(&connections->draining);
    TAILQ_INIT(&connections->busy);
    TAILQ_INIT(&connections->detached);
    TAILQ_INIT(&connections->half_closed);
    *ret_connections = connections;
    return 0;
}

/* False when connections from there are not counted. */
static bool address_key(const struct sockaddr *address, uint8_t key[static 16])
{
    memset(key, 0, 16);
    if (address->sa_family == AF_INET) {
        memcpy(key + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
        key[11] = 4; /* apart from every /64 */
        return true;
    }
    if (address->sa_family == AF_INET6) {
        memcpy(key, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 8);
        return true;
    }
    return false;
}

static int address_compare(const void *one, const void *other)
{
    return memcmp(((const struct address_count *)one)->key,
                  ((const struct address_count *)other)->key, 16);
}

/* The one of that address; NULL when it has none. */
static struct address_count *address_find(struct connections *connections,
                                          const uint8_t key[static 16])
{
    struct address_count wanted = { .count = 0 };

    memcpy(wanted.key, key, 16);
    struct address_count **found = tfind(&wanted, &connections->addresses, address_compare);
    return found == NULL ? NULL : *found;
}

/* gcc 12's analyzer does not see that the tree keeps what is entered. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"

static struct address_count *address_add(struct connections *connections,
                                         const uint8_t key[static 16])
{
    struct address_count *count = calloc(1, sizeof(*count));
    if (count == NULL)
        return NULL;

    memcpy(count->key, key, 16);
    if (tsearch(count, &connections->addresses, address_compare) == NULL) {
        free(count);
        return NULL;
    }
    return count;
}

static int address_enter(struct connections *connections, const uint8_t key[static 16])
{
    struct address_count *count = address_find(connections, key);
    if (count == NULL)
        count = address_add(connections, key);
    if (count == NULL || count->count >= connections->options.per_address_maximum)
        return REFUSED_OVERLOADED;

    count->count++;
    return 0;
}

#pragma GCC diagnostic pop

static void address_leave(struct connections *connections, const uint8_t key[static 16])
{
    struct address_count *count = address_find(connections, key);
    assert(count != NULL);
    if (--count->count == 0) {
        (void)tdelete(count, &connections->addresses, address_compare);
        free(count);
    }
}

/* --- the records, with the mutex held --- */

static void connection_move(struct connection *connection, struct connection_list *list,
                            uint64_t timeout_ms)
{
    if (connection->list != NULL)
        TAILQ_REMOVE(connection->list, connection, entry);
    connection->list = list;
    connection->deadline_ms = clock_monotonic_ms() + timeout_ms;
    TAILQ_INSERT_TAIL(list, connection, entry);
}

/* Nobody finds it by its descriptor any more, nobody tells its loop of anything. */
static void connection_unbind(struct connections *connections, struct connection *connection)
{
    if (connection->remind_pause_ms > 0)
        TAILQ_REMOVE(&connections->half_closed, connection, half_closed);
    if (connection->load != NULL)
        atomic_fetch_sub(connection->load, 1);
    connections->by_fd[connection->fd] = NULL;
    connections->kept -= connection->kept;
    connection->kept = false;
    connection->remind_pause_ms = 0;
    connection->load = NULL;
    connection->fd = -1;
}

/* The record is gone; the socket is somebody else's business. */
static void connection_forget(struct connections *connections, struct connection *connection)
{
    uint8_t key[16];

    TAILQ_REMOVE(connection->list, connection, entry);
    assert(TAILQ_FIRST(connection->list) != connection);
    if (connection->list != &connections->detached)
        connection_unbind(connections, connection);
    if (address_key((const struct sockaddr *)&connection->address, key))
        address_leave(connections, key);
    connections->count--;
    free(connection);
}

static struct connection *connection_of(struct connections *connections, int fd)
{
    return (size_t)fd < connections->by_fd_count ? connections->by_fd[fd] : NULL;
}

static bool by_fd_grow(struct connections *connections, int fd)
{
    size_t wanted = (size_t)fd + 1;
    if (wanted <= connections->by_fd_count)
        return true;

    wanted += wanted / 2;
    struct connection **grown = realloc(connections->by_fd, wanted * sizeof(struct connection *));
    if (grown == NULL)
        return false;
    memset(grown + connections->by_fd_count, 0,
           (wanted - connections->by_fd_count) * sizeof(struct connection *));
    connections->by_fd = grown;
    connections->by_fd_count = wanted;
    return true;
}

static struct connection *connection_new(struct connections *connections, int fd,
                                         const struct sockaddr *address, socklen_t address_count)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return NULL;

    connection->fd = fd;
    connection->id = (++connections->generation << 32) | (uint64_t)fd;
    memcpy(&connection->address, address,
           address_count < sizeof(connection->address) ? address_count
                                                       : sizeof(connection->address));
    connection->address_count = address_count;
    return connection;
}

static int connection_enter(struct connections *connections, int fd, const struct sockaddr *address,
                            socklen_t address_count, uint64_t *ret_id)
{
    uint8_t key[16];

    if (connection_of(connections, fd) != NULL)
        connection_forget(connections, connection_of(connections, fd));
    if (connections->count >= connections->options.maximum || !by_fd_grow(connections, fd))
        return REFUSED_OVERLOADED;

    struct connection *connection = connection_new(connections, fd, address, address_count);
    if (connection == NULL || (address_key(address, key) && address_enter(connections, key) != 0)) {
        free(connection);
        return REFUSED_OVERLOADED;
    }
    connections->by_fd[fd] = connection;
    connections->count++;
    connection_move(connection, &connections->silent, connections->options.first_byte_timeout_ms);
    *ret_id = connection->id;
    return 0;
}

static void connection_close_silent(struct connections *connections, struct connection *connection)
{
    int fd = connection->fd;

    connection_forget(connections, connection);
    (void)close(fd);
}

/* --- the acceptor's side --- */

int connections_admit(struct connections *connections, int fd, const struct sockaddr *address,
                      socklen_t address_count, uint64_t *ret_id)
{
    pthread_mutex_lock(&connections->mutex);
    int r = connection_enter(connections, fd, address, address_count, ret_id);
    pthread_mutex_unlock(&connections->mutex);
    return r;
}

void connections_leave(struct connections *connections, int fd)
{
    pthread_mutex_lock(&connections->mutex);
    struct connection *connection = connection_of(connections, fd);
    if (connection != NULL && connection->list == &connections->silent)
        connection_close_silent(connections, connection);
    else if (connection != NULL)
        connection_forget(connections, connection);
    pthread_mutex_unlock(&connections->mutex);
}

/* The first byte, or the end, of a silent connection. True: it is an arrival. */
static bool connection_speaks(struct connections *connections, struct connection *connection,
                              struct arrival *ret_arrival)
{
    char byte;

    ssize_t got = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        connection_close_silent(connections, connection);
        return false;
    }

    connection_move(connection, &connections->arriving, connections->options.header_timeout_ms);
    *ret_arrival = (struct arrival){ .fd = connection->fd,
                                     .address = connection->address,
                                     .address_count = connection->address_count };
    return true;
}

/*
 * libmicrohttpd 0.9.75 forgets a FIN that arrived together with data: it reads less than it has room for
 * and waits for epoll's next edge, which does not come. Shutting our receiving side down, which has ended
 * anyhow, makes one. That, too, may fall together with data that are being read, or come while the loop
 * is slow: hence the reminders, for as long as it is there.
 */
static void connection_remind(struct connection *connection, uint64_t now)
{
    uint64_t pause_ms = connection->remind_pause_ms * REMIND_GROWTH;

    (void)shutdown(connection->fd, SHUT_RD);
    if (pause_ms == 0)
        pause_ms = REMIND_FIRST_MS;
    connection->remind_pause_ms = pause_ms < REMIND_LAST_MS ? pause_ms : REMIND_LAST_MS;
    /* those who are reminded as often are so at the same times */
    connection->remind_ms = now + connection->remind_pause_ms - now % connection->remind_pause_ms;
}

bool connections_event(struct connections *connections, uint64_t id, struct arrival *ret_arrival)
{
    bool arrived = false;
    int fd = (int)(id & UINT32_MAX);

    pthread_mutex_lock(&connections->mutex);
    struct connection *connection = connection_of(connections, fd);
    if (connection == NULL || connection->id != id) {
        /* of a socket that is closed by now */
    } else if (connection->list == &connections->silent) {
        arrived = connection_speaks(connections, connection, ret_arrival);
    } else if (connection->remind_pause_ms == 0) {
        TAILQ_INSERT_TAIL(&connections->half_closed, connection, half_closed);
        connection_remind(connection, clock_monotonic_ms());
        if (connection->remind_ms < connections->remind_ms)
            connections->remind_ms = connection->remind_ms;
    }
    pthread_mutex_unlock(&connections->mutex);
    return arrived;
}

/* --- deadlines --- */

/* libmicrohttpd has nothing to send while it waits for a header, so this answer goes out whole and
 * alone; its loop sees the end of the connection and closes it. */
static void connection_end(struct connections *connections, struct connection *connection)
{
    if (connection->list == &connections->silent) {
        connection_close_silent(connections, connection);
        return;
    }
    if (connection->list != &connections->draining)
        (void)send(connection->fd, ANSWER_408.data, ANSWER_408.count, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(connection->fd,
                   connection->list == &connections->draining ? SHUT_RD : SHUT_RDWR);
    connection_move(connection, &connections->busy, 0); /* once is enough */
}

/* The first one that is overdue, or NULL; ret_next becomes the next deadline when that is sooner. */
static struct connection *connections_overdue(struct connections *connections, uint64_t now,
                                              uint64_t *ret_next)
{
    struct connection_list *const lists[] = { &connections->silent, &connections->arriving,
                                              &connections->idle, &connections->draining };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct connection *first = TAILQ_FIRST(lists[i]);
        if (first != NULL && first->deadline_ms <= now)
            return first;
        if (first != NULL && first->deadline_ms < *ret_next)
            *ret_next = first->deadline_ms;
    }
    return NULL;
}

/* Ends a number of the overdue ones. */
static uint64_t connections_end_some(struct connections *connections, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    struct connection *overdue = NULL;

    for (int i = 0; i < ENDS_PER_HOLD; i++) {
        next = UINT64_MAX;
        overdue = connections_overdue(connections, now, &next);
        if (overdue == NULL)
            break;
        connection_end(connections, overdue);
    }
    return overdue == NULL ? next : now;
}

static void connections_remind_all(struct connections *connections, uint64_t now)
{
    struct connection *connection;
    uint64_t next = UINT64_MAX;

    if (now < connections->remind_ms)
        return;
    TAILQ_FOREACH(connection, &connections->half_closed, half_closed)
    {
        if (connection->remind_ms <= now)
            connection_remind(connection, now);
        if (connection->remind_ms < next)
            next = connection->remind_ms;
    }
    connections->remind_ms = next;
}

int connections_expire(struct connections *connections)
{
    uint64_t now = clock_monotonic_ms();
    uint64_t next;

    do {
        pthread_mutex_lock(&connections->mutex);
        next = connections_end_some(connections, now);
        pthread_mutex_unlock(&connections->mutex);
    } while (next == now);

    pthread_mutex_lock(&connections->mutex);
    connections_remind_all(connections, now);
    if (connections->remind_ms < next)
        next = connections->remind_ms;
    if (connections->count > 0 && now + TICK_MS < next)
        next = now + TICK_MS; /* other threads move connections without waking this one */
    pthread_mutex_unlock(&connections->mutex);
    return next == UINT64_MAX ? -1 : (int)(next - now);
}

size_t connections_count(struct connections *connections)
{
    pthread_mutex_lock(&connections->mutex);
    size_t count = connections->count;
    pthread_mutex_unlock(&connections->mutex);
    return count;
}

void connections_free(struct connections *connections)
{
    if (connections == NULL)
        return;

    for (size_t fd = 0; fd < connections->by_fd_count; fd++)
        if (connections->by_fd[fd] != NULL)
            connections_leave(connections, (int)fd);
    assert(connections->count == 0);
    assert(connections->addresses == NULL);
    (void)pthread_mutex_destroy(&connections->mutex);
    free(connections->by_fd);
    free(connections);
}

/* --- its loop's side --- */

void connections_assign(struct connections *connections, int fd, atomic_size_t *load)
{
    pthread_mutex_lock(&connections->mutex);
    struct connection *connection = connection_of(connections, fd);
    assert(connection != NULL);
    connection->load = load;
    atomic_fetch_add(load, 1);
    pthread_mutex_unlock(&connections->mutex);
}

struct connection *connection_open(struct connections *connections, int fd)
{
    pthread_mutex_lock(&connections->mutex);
    struct connection *connection = connection_of(connections, fd);
    assert(connection != NULL);
    pthread_mutex_unlock(&connections->mutex);
    return connection;
}

static void connection_change(struct connections *connections, struct connection *connection,
                              struct connection_list *list, uint64_t timeout_ms)
{
    pthread_mutex_lock(&connections->mutex);
    connection_move(connection, list, timeout_ms);
    pthread_mutex_unlock(&connections->mutex);
}

void connection_busy(struct connections *connections, struct connection *connection)
{
    connection_change(connections, connection, &connections->busy, 0);
}

void connection_idle(struct connections *connections, struct connection *connection)
{
    connection_change(connections, connection, &connections->idle,
                      connections->options.idle_timeout_ms +
                          connections->options.header_timeout_ms);
}

bool connection_keep(struct connections *connections, struct connection *connection)
{
    const struct connections_options *options = &connections->options;

    pthread_mutex_lock(&connections->mutex);
    bool crowded = connections->count > options->maximum / 2;
    if (!crowded && !connection->kept && connections->kept < options->kept_maximum) {
        connection->kept = true;
        connections->kept++;
    }
    bool keep = connection->kept && !crowded;
    pthread_mutex_unlock(&connections->mutex);
    return keep;
}

void connection_drain(struct connections *connections, struct connection *connection)
{
    connection_change(connections, connection, &connections->draining, DRAIN_TIMEOUT_MS);
}

void connection_detach(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->mutex);
    connection_unbind(connections, connection);
    connection_move(connection, &connections->detached, 0);
    pthread_mutex_unlock(&connections->mutex);
}

void connection_close(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->mutex);
    connection_forget(connections, connection);
    pthread_mutex_unlock(&connections->mutex);
}

void connection_set_occupant(struct connection *connection, void *occupant)
{
    connection->occupant = occupant;
}

void *connection_occupant(const struct connection *connection)
{
    return connection->occupant;
}

struct address connection_peer(const struct connection *connection)
{
    const void *address = &connection->address;

    switch (connection->address.ss_family) {
    case AF_INET: {
        const struct sockaddr_in *in = address;
        return address_of_ipv4((const uint8_t *)&in->sin_addr);
    }
    case AF_INET6: {
        const struct sockaddr_in6 *in6 = address;
        return address_of_ipv6(in6->sin6_addr.s6_addr);
    }
    case AF_UNIX: return (struct address){ .kind = ADDRESS_UNIX };
    default: return (struct address){ .kind = ADDRESS_UNKNOWN };
    }
}
