#include "storage/os.h"

#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

/* The variadic one needs a fixed face. */
static int os_openat(int directory, const char *path, int flags, mode_t mode)
{
    return openat(directory, path, flags, mode);
}

static int os_sqlite(enum os_sqlite_call call, const char *name, uint64_t offset, size_t count)
{
    (void)call, (void)name, (void)offset, (void)count;
    return 0;
}

/* clang-format off */
#define OS_LINUX                                \
    {                                           \
        .openat = os_openat,                    \
        .close = close,                         \
        .mkdirat = mkdirat,                     \
        .fchmod = fchmod,                       \
        .fchown = fchown,                       \
        .unlinkat = unlinkat,                   \
        .fstatat = fstatat,                     \
        .fstatfs = fstatfs,                     \
        .flock = flock,                         \
        .pread = pread,                         \
        .preadv2 = preadv2,                     \
        .pwritev2 = pwritev2,                   \
        .copy_file_range = copy_file_range,     \
        .ftruncate = ftruncate,                 \
        .fallocate = fallocate,                 \
        .sync_file_range = sync_file_range,     \
        .posix_fadvise = posix_fadvise,         \
        .fdatasync = fdatasync,                 \
        .fsync = fsync,                         \
        .syncfs = syncfs,                       \
        .getrandom = getrandom,                 \
        .realtime_s = clock_realtime_s,         \
        .monotonic_ms = clock_monotonic_ms,     \
        .sqlite = os_sqlite,                    \
    }
/* clang-format on */

const struct os os_linux = OS_LINUX;
struct os os = OS_LINUX;
