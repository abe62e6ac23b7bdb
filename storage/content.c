#define LOG_MODULE "content"
#include "storage/content.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/fail.h"
#include "storage/os.h"

enum {
    AHEAD_BYTES = 1024 * 1024, /* what the disk brings at a time: so often somebody waits for it */
};

struct content {
    uint64_t length;
    int fd; /* -1: not open */
};

struct content *content_new(int fd, uint64_t length)
{
    struct content *content = malloc(sizeof(*content));
    if (content == NULL) {
        (void)fail_errno("memory for the content of an upload");
        if (fd >= 0)
            (void)os.close(fd);
        return NULL;
    }

    *content = (struct content){ .length = length, .fd = fd };
    return content;
}

void content_close(struct content *content)
{
    if (content == NULL)
        return;
    if (content->fd >= 0)
        (void)os.close(content->fd);
    free(content);
}

void content_closep(struct content **content)
{
    content_close(*content);
}

uint64_t content_length(const struct content *content)
{
    return content->length;
}

/* A file system that cannot tell what waiting would be like is as one that would have to wait. */
static ssize_t content_get(const struct content *content, struct iovec room, uint64_t offset,
                           bool now)
{
    ssize_t count;

    do
        count = os.preadv2(content->fd, &room, 1, (off_t)offset, now ? RWF_NOWAIT : 0);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return now && errno == EOPNOTSUPP ? -EAGAIN : -errno;
    return count;
}

ssize_t content_read(struct content *content, void *memory, size_t count, uint64_t offset, bool now)
{
    if (offset >= content->length)
        return 0;

    uint64_t left = content->length - offset;
    if (!now)
        (void)os.posix_fadvise(content->fd, (off_t)offset,
                               (off_t)(left < AHEAD_BYTES ? left : AHEAD_BYTES),
                               POSIX_FADV_WILLNEED);
    struct iovec room = { .iov_base = memory, .iov_len = left < count ? (size_t)left : count };
    return content_get(content, room, offset, now);
}
