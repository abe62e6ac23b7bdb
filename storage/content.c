/*
 * What a content of several files relies on:
 *
 *   1. Its final is pinned until it is closed: no file of a part goes because of a deletion.
 *   2. A part's file can go because the final has become one file. That file was complete before: who
 *      does not find a part's file reads on in that one.
 */
#define LOG_MODULE "content"
#include "storage/content.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/fail.h"
#include "storage/os.h"
#include "storage/parts.h"

enum {
    AHEAD_BYTES = 1024 * 1024, /* what the disk brings at a time: so often somebody waits for it */
};

/* The file of one part. */
struct piece {
    struct upload_id id;
    uint64_t begin, end; /* within the whole */
};

struct content {
    uint64_t length;
    int fd;              /* -1: not open */
    uint64_t begin, end; /* the bytes of the whole that it has */

    /* of several files */
    struct store *store;
    struct pin pin;
    size_t piece_count; /* 0: one file, which fd is */
    struct piece pieces[];
};

static struct content *content_make(uint64_t length, size_t piece_count)
{
    struct content *content =
        calloc(1, sizeof(*content) + piece_count * sizeof(content->pieces[0]));
    if (content == NULL) {
        (void)fail_errno("memory for the content of an upload");
        return NULL;
    }

    content->length = length;
    content->fd = -1;
    content->piece_count = piece_count;
    return content;
}

struct content *content_new(int fd, uint64_t length)
{
    struct content *content = content_make(length, 0);
    if (content == NULL) {
        if (fd >= 0)
            (void)os.close(fd);
        return NULL;
    }

    content->fd = fd;
    content->end = length;
    return content;
}

/* The catalog says where each part begins; a part of unknown length, or another sum, is no content. */
static int content_take_parts(struct content *content, const struct upload_part_info *parts)
{
    uint64_t end = 0;

    for (size_t i = 0; i < content->piece_count; i++) {
        content->pieces[i] =
            (struct piece){ .id = parts[i].id, .begin = end, .end = end + parts[i].length };
        end += parts[i].length;
    }
    return end == content->length ? 0 : -EAGAIN;
}

int content_of_parts(struct store *store, const struct upload_info *info,
                     const struct upload_part_info *parts, size_t part_count,
                     struct content **ret_content)
{
    struct content *content = content_make(info->length, part_count);
    if (content == NULL)
        return -ENOMEM;

    content->store = store;
    pin_take(&store->pins, &content->pin, &info->id);
    int r = content_take_parts(content, parts);
    if (r != 0) {
        content_close(content);
        return r;
    }
    *ret_content = content;
    return 0;
}

void content_close(struct content *content)
{
    if (content == NULL)
        return;
    if (content->fd >= 0)
        (void)os.close(content->fd);
    if (content->store != NULL && pin_release(&content->store->pins, &content->pin))
        store_deleted(content->store);
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

/* ---- which file ---- */

/* The first one that ends behind the offset; there is one. */
static const struct piece *content_find(const struct content *content, uint64_t offset)
{
    size_t low = 0;
    size_t high = content->piece_count - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (content->pieces[middle].end > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return &content->pieces[low];
}

static int content_open_file(struct content *content, const struct upload_id *id, uint64_t begin,
                             uint64_t end)
{
    struct directory_path path = directory_path(id);

    int fd = os.openat(content->store->directory.files_fd, path.text,
                       O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd < 0)
        return -errno;
    if (content->fd >= 0)
        (void)os.close(content->fd);
    content->fd = fd;
    content->begin = begin;
    content->end = end;
    return 0;
}

static int content_open(struct content *content, uint64_t offset)
{
    const struct piece *piece = content_find(content, offset);

    int r = content_open_file(content, &piece->id, piece->begin, piece->end);
    if (r == -ENOENT)
        r = content_open_file(content, &content->pin.id, 0, content->length);
    return r;
}

int content_span(struct content *content, uint64_t offset, struct content_span *ret_span)
{
    if (offset < content->begin || offset >= content->end || content->fd < 0) {
        int r = content_open(content, offset);
        if (r != 0)
            return r;
    }
    *ret_span = (struct content_span){
        .fd = content->fd,
        .offset = offset - content->begin,
        .count = content->end - offset,
    };
    return 0;
}

/* ---- reading ---- */

/* A file system that cannot tell what waiting would be like is as one that would have to wait. */
static ssize_t span_read(const struct content_span *span, struct iovec room, bool now)
{
    ssize_t count;

    do
        count = os.preadv2(span->fd, &room, 1, (off_t)span->offset, now ? RWF_NOWAIT : 0);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return now && errno == EOPNOTSUPP ? -EAGAIN : -errno;
    return count;
}

static void span_ahead(const struct content_span *span)
{
    uint64_t count = span->count < AHEAD_BYTES ? span->count : AHEAD_BYTES;

    (void)os.posix_fadvise(span->fd, (off_t)span->offset, (off_t)count, POSIX_FADV_WILLNEED);
}

ssize_t content_read(struct content *content, void *memory, size_t count, uint64_t offset, bool now)
{
    struct content_span span;
    bool open = content->fd >= 0 && offset >= content->begin && offset < content->end;

    if (offset >= content->length)
        return 0;
    if (now && !open)
        return -EAGAIN;

    int r = content_span(content, offset, &span);
    if (r != 0)
        return r;
    if (!now)
        span_ahead(&span);
    struct iovec room = { .iov_base = memory,
                          .iov_len = span.count < count ? (size_t)span.count : count };
    return span_read(&span, room, now);
}
