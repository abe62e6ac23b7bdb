#include "tests/storage/calls.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/os.h"
#include "tests/check.h"

enum {
    FD_COUNT = 1024,
    PATH_BYTES = sizeof(((struct call *)0)->path),
};

static struct {
    pthread_mutex_t mutex;
    struct call *calls;
    size_t count, room;
    char paths[FD_COUNT][PATH_BYTES]; /* by file descriptor */
} record = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void record_add(enum call_kind kind, const char *path, uint64_t offset, uint64_t count)
{
    pthread_mutex_lock(&record.mutex);
    if (record.count == record.room) {
        record.room = record.room == 0 ? 1024 : 2 * record.room;
        record.calls = realloc(record.calls, record.room * sizeof(record.calls[0]));
        assert_non_null(record.calls);
    }
    struct call *call = &record.calls[record.count++];
    *call = (struct call){ .kind = kind, .offset = offset, .count = count };
    (void)snprintf(call->path, sizeof(call->path), "%s", path);
    pthread_mutex_unlock(&record.mutex);
}

static void record_fd(enum call_kind kind, int fd, uint64_t offset, uint64_t count)
{
    char path[PATH_BYTES];

    assert_in_range(fd, 0, FD_COUNT - 1);
    pthread_mutex_lock(&record.mutex);
    memcpy(path, record.paths[fd], sizeof(path));
    pthread_mutex_unlock(&record.mutex);
    record_add(kind, path, offset, count);
}

static int calls_openat(int directory, const char *path, int flags, mode_t mode)
{
    int fd = os_linux.openat(directory, path, flags, mode);
    if (fd < 0)
        return fd;

    assert_in_range(fd, 0, FD_COUNT - 1);
    pthread_mutex_lock(&record.mutex);
    (void)snprintf(record.paths[fd], PATH_BYTES, "%s", path);
    pthread_mutex_unlock(&record.mutex);
    if ((flags & O_CREAT) != 0)
        record_add(CALL_CREATE, path, 0, 0);
    return fd;
}

static int calls_mkdirat(int directory, const char *path, mode_t mode)
{
    int r = os_linux.mkdirat(directory, path, mode);
    if (r == 0)
        record_add(CALL_MKDIR, path, 0, 0);
    return r;
}

static int calls_unlinkat(int directory, const char *path, int flags)
{
    record_add(CALL_UNLINK, path, 0, 0);
    return os_linux.unlinkat(directory, path, flags);
}

static ssize_t calls_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset,
                              int flags)
{
    uint64_t total = 0;

    for (int i = 0; i < count; i++)
        total += pieces[i].iov_len;
    record_fd(CALL_WRITE_BEGIN, fd, (uint64_t)offset, total);
    ssize_t written = os_linux.pwritev2(fd, pieces, count, offset, flags);
    if (written > 0)
        record_fd(CALL_WRITE_END, fd, (uint64_t)offset, (uint64_t)written);
    return written;
}

static ssize_t calls_copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset,
                                     size_t count, unsigned flags)
{
    uint64_t offset = (uint64_t)*to_offset;

    record_fd(CALL_WRITE_BEGIN, to, offset, count);
    ssize_t copied = os_linux.copy_file_range(from, from_offset, to, to_offset, count, flags);
    if (copied > 0)
        record_fd(CALL_WRITE_END, to, offset, (uint64_t)copied);
    return copied;
}

static int calls_ftruncate(int fd, off_t size)
{
    record_fd(CALL_CUT, fd, (uint64_t)size, 0);
    return os_linux.ftruncate(fd, size);
}

static int calls_fdatasync(int fd)
{
    record_fd(CALL_SYNC_BEGIN, fd, 0, 0);
    int r = os_linux.fdatasync(fd);
    if (r == 0)
        record_fd(CALL_SYNC_END, fd, 0, 0);
    return r;
}

static int calls_fsync(int fd)
{
    int r = os_linux.fsync(fd);
    if (r == 0)
        record_fd(CALL_SYNC_DIRECTORY, fd, 0, 0);
    return r;
}

static int calls_syncfs(int fd)
{
    record_fd(CALL_SYNC_ALL_BEGIN, fd, 0, 0);
    int r = os_linux.syncfs(fd);
    if (r == 0)
        record_fd(CALL_SYNC_ALL_END, fd, 0, 0);
    return r;
}

/* Where that counts. */
static int calls_fstatfs(int fd, struct statfs *ret_statfs)
{
    int r = os_linux.fstatfs(fd, ret_statfs);
    ret_statfs->f_type = EXT4_SUPER_MAGIC;
    return r;
}

/*
 * Told before the call happens. A sync of the log that is noted before it returned proves less
 * than it seems; but nobody is answered by the thread that makes it before it has returned.
 */
static int calls_sqlite(enum os_sqlite_call call, const char *name, uint64_t offset, size_t count)
{
    const char *last = strrchr(name, '/') == NULL ? name : strrchr(name, '/') + 1;
    bool log = strcmp(last, "ferry.db-wal") == 0;

    switch (call) {
    case OS_SQLITE_OPEN: record_add(CALL_DATABASE_OPEN, last, 0, 0); break;
    case OS_SQLITE_WRITE:
        record_add(log ? CALL_LOG_WRITE : CALL_DATABASE_WRITE, last, offset, count);
        break;
    case OS_SQLITE_SYNC: record_add(log ? CALL_LOG_SYNC : CALL_DATABASE_SYNC, last, 0, 0); break;
    case OS_SQLITE_READ:
    case OS_SQLITE_TRUNCATE:
    case OS_SQLITE_DELETE:
    case OS_SQLITE_MAP: break;
    }
    return 0;
}

void calls_start(void)
{
    record.count = 0;
    os.openat = calls_openat;
    os.mkdirat = calls_mkdirat;
    os.unlinkat = calls_unlinkat;
    os.pwritev2 = calls_pwritev2;
    os.copy_file_range = calls_copy_file_range;
    os.ftruncate = calls_ftruncate;
    os.fdatasync = calls_fdatasync;
    os.fsync = calls_fsync;
    os.syncfs = calls_syncfs;
    os.fstatfs = calls_fstatfs;
    os.sqlite = calls_sqlite;
}

void calls_stop(void)
{
    os = os_linux;
    free(record.calls);
    record.calls = NULL;
    record.count = record.room = 0;
}

void calls_mark(const char *text, uint64_t number)
{
    record_add(CALL_MARK, text, number, 0);
}

const struct call *calls_list(size_t *ret_count)
{
    *ret_count = record.count;
    return record.calls;
}
