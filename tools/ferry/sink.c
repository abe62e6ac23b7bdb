/*
 * Before the name is given, in this order: the bytes are synced, the part is renamed, the folder is
 * synced. A part that lost its name to somebody else is found out by inode number and birth.
 */
#include "tools/ferry/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/ferry/say.h"
#include "tools/ferry/stop.h"
#include "tools/ferry/text.h"

static struct sink *sink_new(const char *path, const char *name)
{
    struct sink *sink = calloc(1, sizeof(*sink));
    size_t size = strlen(name) + 1;

    if (sink == NULL)
        return NULL;
    sink->fd = -1;
    sink->name = malloc(size);
    sink->path = path == NULL ? NULL : strdup(path);
    if (sink->name == NULL ||
        (path != NULL && (sink->path == NULL || asprintf(&sink->part, "%s.part", path) < 0))) {
        sink_close(sink);
        errno = ENOMEM;
        return NULL;
    }
    text_clean(name, size, sink->name);
    return sink;
}

void sink_close(struct sink *sink)
{
    if (sink == NULL)
        return;
    if (sink->path != NULL)
        cleanup_closep(&sink->fd);
    free(sink->path);
    free(sink->name);
    free(sink->part);
    free(sink);
}

int sink_open_output(struct sink **ret_sink)
{
    struct sink *sink = sink_new(NULL, "standard output");

    if (sink == NULL)
        return say_errno("standard output");
    sink->fd = STDOUT_FILENO;
    *ret_sink = sink;
    return 0;
}

int sink_check(const char *path, bool force)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return errno == ENOENT ? 0 : say_errno("%s", path);
    if (!S_ISREG(status.st_mode)) {
        say_error("%s: is there already, and no regular file", path);
        return -EEXIST;
    }
    if (!force) {
        say_error("%s: is there already; --force replaces it, --output names another", path);
        return -EEXIST;
    }
    return 0;
}

struct birth sink_birth(const struct sink *sink)
{
    struct statx status = { 0 };

    if (sink->path == NULL ||
        statx(sink->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
        return (struct birth){ 0 };
    bool born = (status.stx_mask & STATX_BTIME) != 0;
    return (struct birth){
        .inode = status.stx_ino,
        .born_ns =
            born ? (int64_t)status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec : 0,
    };
}

/* The part is locked while it is open. */
static int part_open(struct sink *sink, int flags)
{
    struct stat status;

    sink->fd = open(sink->part, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0666);
    if (sink->fd < 0)
        return errno == ENOENT ? -ENOENT : say_errno("%s", sink->part);
    if (flock(sink->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return say_errno("%s", sink->part);
        say_error("%s: another ferry is downloading to it", sink->part);
        return -EBUSY;
    }
    if (fstat(sink->fd, &status) != 0)
        return say_errno("%s", sink->part);
    if (!S_ISREG(status.st_mode)) {
        say_error("%s: not a regular file", sink->part);
        return -EINVAL;
    }
    sink->offset = (uint64_t)status.st_size;
    return 0;
}

static int part_create(struct sink *sink)
{
    int r = part_open(sink, O_CREAT | O_EXCL);
    return r == -ENOENT ? say_errno("%s", sink->part) : r;
}

int sink_open(const char *path, const struct birth *known, bool force, struct sink **ret_sink)
{
    CLEANUP(sink_closep) struct sink *sink = sink_new(path, path);

    if (sink == NULL)
        return say_errno("%s", path);
    sink->force = force;
    int r = part_open(sink, 0);
    if (r == -ENOENT) {
        r = part_create(sink);
    } else if (r == 0) {
        struct birth birth = sink_birth(sink);
        bool ours =
            sink->offset == 0 || (birth.inode == known->inode && birth.born_ns == known->born_ns);
        if (!ours && !force) {
            say_error("%s: is there already, and not of this download; remove it, or use --force",
                      sink->part);
            return -EEXIST;
        }
        if (!ours) {
            if (unlink(sink->part) != 0)
                return say_errno("%s", sink->part);
            cleanup_closep(&sink->fd);
            r = part_create(sink);
        }
    }
    if (r != 0)
        return r;

    *ret_sink = TAKE_PTR(sink);
    return 0;
}

/*
 * Waits until standard output takes something. A signal ends that, which a write() that waits would
 * not notice: so no write() is longer than what a pipe that is ready takes at once.
 */
static int output_wait(void)
{
    struct pollfd descriptors[] = {
        { .fd = STDOUT_FILENO, .events = POLLOUT },
        { .fd = stop_descriptor(), .events = POLLIN },
    };

    for (;;) {
        if (stop_asked())
            return SINK_STOPPED;
        if (poll(descriptors, 2, -1) > 0 && descriptors[0].revents != 0)
            return 0;
    }
}

int sink_write(struct sink *sink, struct bytes bytes)
{
    while (bytes.count > 0) {
        size_t count = bytes.count;
        ssize_t written = 0;

        if (sink->path == NULL) {
            int r = output_wait();
            if (r != 0)
                return r;
            count = count < PIPE_BUF ? count : PIPE_BUF;
            written = write(sink->fd, bytes.data, count);
        } else {
            written = pwrite(sink->fd, bytes.data, count, (off_t)sink->offset);
        }
        if (written < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (written < 0)
            return say_errno("%s", sink->name);
        sink->offset += (uint64_t)written;
        bytes = bytes_after(bytes, (size_t)written);
    }
    return 0;
}

int sink_truncate(struct sink *sink, uint64_t offset)
{
    if (ftruncate(sink->fd, (off_t)offset) != 0)
        return say_errno("%s", sink->part);
    sink->offset = offset;
    return 0;
}

ssize_t sink_read(const struct sink *sink, uint64_t offset, void *buffer, size_t count)
{
    ssize_t got;

    do {
        got = pread(sink->fd, buffer, count, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return say_errno("%s: reading", sink->part);
    if (got == 0) {
        say_error("%s: became shorter", sink->part);
        return -ESTALE;
    }
    return got;
}

/* The name in its folder holds after a power cut. */
static int folder_sync(const char *path)
{
    AUTO_FREE char *folder = strdup(path);

    if (folder == NULL)
        return -1;
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        slash++;
    if (slash != NULL)
        *slash = '\0';
    AUTO_CLOSE int fd = open(slash == NULL ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

/* Without force, only where nothing is: also if it came while we were busy. */
static int part_rename(const struct sink *sink)
{
    if (sink->force)
        return rename(sink->part, sink->path);
    if (renameat2(AT_FDCWD, sink->part, AT_FDCWD, sink->path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(sink->part, sink->path) != 0) /* file systems that do not know the flag */
        return -1;
    return unlink(sink->part);
}

int sink_finish(struct sink *sink)
{
    if (sink->path == NULL)
        return 0;
    if (fsync(sink->fd) != 0)
        return say_errno("%s", sink->part);
    if (part_rename(sink) != 0) {
        if (errno == EEXIST)
            return sink_check(sink->path, false);
        return say_errno("%s", sink->path);
    }
    if (folder_sync(sink->path) != 0)
        return say_errno("%s: its folder", sink->path);
    return 0;
}

void sink_discard(struct sink *sink)
{
    if (sink->part != NULL)
        (void)unlink(sink->part);
}
