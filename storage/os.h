#pragma once

/*
 * The seam to the world: every call to the kernel that storage makes goes through this table
 *
 * Tests replace entries before they open a store, to fail the n-th call, to keep a log of the
 * calls, to turn the clock. The product never changes it. The calls of SQLite are announced here
 * by the shim in storage/vfs.c before they are made.
 *
 *   Errors   as the calls they stand for: -1 and errno
 */

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/uio.h>

enum os_sqlite_call {
    OS_SQLITE_OPEN,
    OS_SQLITE_READ,
    OS_SQLITE_WRITE,
    OS_SQLITE_SYNC,
    OS_SQLITE_TRUNCATE,
    OS_SQLITE_DELETE,
    OS_SQLITE_MAP, /* a piece of the -shm file, which may have to grow for it */
};

struct os {
    int (*openat)(int directory, const char *path, int flags, mode_t mode);
    int (*close)(int fd);
    int (*mkdirat)(int directory, const char *path, mode_t mode);
    int (*fchmod)(int fd, mode_t mode);
    int (*fchown)(int fd, uid_t owner, gid_t group);
    int (*unlinkat)(int directory, const char *path, int flags);
    int (*fstatat)(int directory, const char *path, struct stat *ret_stat, int flags);
    int (*fstatfs)(int fd, struct statfs *ret_statfs);
    int (*flock)(int fd, int operation);
    ssize_t (*pread)(int fd, void *memory, size_t count, off_t offset);
    ssize_t (*preadv2)(int fd, const struct iovec *pieces, int count, off_t offset, int flags);
    ssize_t (*pwritev2)(int fd, const struct iovec *pieces, int count, off_t offset, int flags);
    ssize_t (*copy_file_range)(int from, off_t *from_offset, int to, off_t *to_offset, size_t count,
                               unsigned flags);
    int (*ftruncate)(int fd, off_t size);
    int (*fallocate)(int fd, int mode, off_t offset, off_t count);
    int (*sync_file_range)(int fd, off_t offset, off_t count, unsigned flags);
    int (*posix_fadvise)(int fd, off_t offset, off_t count, int advice); /* an error number */
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*syncfs)(int fd);
    ssize_t (*getrandom)(void *data, size_t count, unsigned flags);
    int64_t (*realtime_s)(void);
    uint64_t (*monotonic_ms)(void);

    /*
     * Told before SQLite's call on the file of that name happens: 0 lets it happen, an error
     * number makes it fail instead.
     */
    int (*sqlite)(enum os_sqlite_call call, const char *name, uint64_t offset, size_t count);
};

extern struct os os;

/* What the table holds at the start. */
extern const struct os os_linux;
