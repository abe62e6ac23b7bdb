#include "tools/ferry/spool.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tools/ferry/say.h"
#include "tools/ferry/stop.h"

enum {
    SPOOL_GATHER_MS = 1000
};

struct spool {
    int fd;
    bool ended;
    size_t size;
    uint64_t begin, end;
    uint8_t bytes[];
};

int spool_new(int fd, size_t size, struct spool **ret_spool)
{
    struct spool *spool = malloc(sizeof(*spool) + size);

    if (spool == NULL)
        return say_errno("standard input: a buffer of %zu bytes", size);
    *spool = (struct spool){ .fd = fd, .size = size };
    *ret_spool = spool;
    return 0;
}

void spool_free(struct spool *spool)
{
    free(spool);
}

uint64_t spool_begin(const struct spool *spool)
{
    return spool->begin;
}

uint64_t spool_end(const struct spool *spool)
{
    return spool->end;
}

bool spool_length(const struct spool *spool, uint64_t *ret_length)
{
    if (spool->ended)
        *ret_length = spool->end;
    return spool->ended;
}

int spool_descriptor(const struct spool *spool)
{
    return spool->ended || spool->end - spool->begin == spool->size ? -1 : spool->fd;
}

int spool_fill(struct spool *spool)
{
    size_t at = spool->end % spool->size;
    size_t room = spool->size - (size_t)(spool->end - spool->begin);
    size_t straight = spool->size - at < room ? spool->size - at : room;

    assert(straight > 0);
    ssize_t got = read(spool->fd, spool->bytes + at, straight);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (got < 0)
        return say_errno("standard input");
    spool->ended = got == 0;
    spool->end += (uint64_t)got;
    return 0;
}

int spool_gather(struct spool *spool, uint64_t offset, uint64_t wanted)
{
    uint64_t deadline_ms = clock_monotonic_ms() + SPOOL_GATHER_MS;

    while (spool->end - offset < wanted && spool_descriptor(spool) >= 0 && !stop_asked()) {
        uint64_t now_ms = clock_monotonic_ms();
        struct pollfd waits[] = {
            { .fd = spool->fd, .events = POLLIN },
            { .fd = stop_descriptor(), .events = POLLIN },
        };

        if (now_ms >= deadline_ms && spool->end > offset)
            return 0;
        int wait_ms = now_ms >= deadline_ms ? -1 : (int)(deadline_ms - now_ms);
        (void)poll(waits, 2, wait_ms);
        int r = waits[0].revents != 0 ? spool_fill(spool) : 0;
        if (r != 0)
            return r;
    }
    return 0;
}

size_t spool_read(const struct spool *spool, uint64_t offset, void *buffer, size_t count)
{
    assert(offset >= spool->begin && offset <= spool->end);
    size_t at = offset % spool->size;
    uint64_t there = spool->end - offset;

    if (count > there)
        count = (size_t)there;
    if (count > spool->size - at)
        count = spool->size - at;
    memcpy(buffer, spool->bytes + at, count);
    return count;
}

void spool_acknowledge(struct spool *spool, uint64_t offset)
{
    assert(offset >= spool->begin && offset <= spool->end);
    spool->begin = offset;
}
