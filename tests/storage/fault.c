#include "tests/storage/fault.h"

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "storage/os.h"

static struct {
    bool armed;
    enum fault_kind kind;
    unsigned long nth;
    bool forever;
    atomic_bool *fatal;
    atomic_ulong calls;
    atomic_bool hit;
} fault;

static int fault_code(void)
{
    switch (fault.kind) {
    case FAULT_EIO: return EIO;
    case FAULT_ENOSPC: return ENOSPC;
    case FAULT_EDQUOT: return EDQUOT;
    case FAULT_EMFILE: return EMFILE;
    case FAULT_SHORT:
    case FAULT_KILL: return 0;
    case FAULT_MEMORY:
    case FAULT_SQLITE_MEMORY: return ENOMEM;
    }
    return 0;
}

/* What a call does; a kind of fault meets some of these. */
enum effect {
    EFFECT_NONE = 0,
    EFFECT_OPENS = 1,
    EFFECT_GROWS = 2,
    EFFECT_WRITES_BYTES = 4,
    EFFECT_ALLOCATES = 8,
    EFFECT_SQLITE_ALLOCATES = 16,
    EFFECT_MAY_END = 32, /* the process, by one clear line */
};

static bool fault_meets(unsigned effects)
{
    switch (fault.kind) {
    case FAULT_EIO:
    case FAULT_KILL: return (effects & (EFFECT_ALLOCATES | EFFECT_SQLITE_ALLOCATES)) == 0;
    case FAULT_ENOSPC:
    case FAULT_EDQUOT: return (effects & EFFECT_GROWS) != 0;
    case FAULT_EMFILE: return (effects & EFFECT_OPENS) != 0;
    case FAULT_SHORT: return (effects & EFFECT_WRITES_BYTES) != 0;
    case FAULT_MEMORY: return (effects & EFFECT_ALLOCATES) != 0;
    case FAULT_SQLITE_MEMORY: return (effects & EFFECT_SQLITE_ALLOCATES) != 0;
    }
    return false;
}

/* True: this call is to fail. */
static bool fault_strikes(unsigned effects)
{
    if (!fault.armed || !fault_meets(effects))
        return false;
    unsigned long call = atomic_fetch_add(&fault.calls, 1) + 1;
    if (call != fault.nth && !(fault.forever && call > fault.nth))
        return false;
    atomic_store(&fault.hit, true);
    if (fault.kind == FAULT_KILL)
        (void)kill(getpid(), SIGKILL);
    if ((effects & EFFECT_MAY_END) != 0)
        atomic_store(fault.fatal, true);
    errno = fault_code();
    return true;
}

static int fault_openat(int directory, const char *path, int flags, mode_t mode)
{
    unsigned grows = (flags & O_CREAT) != 0 ? EFFECT_GROWS : EFFECT_NONE;
    return fault_strikes(EFFECT_OPENS | grows) ? -1 : os_linux.openat(directory, path, flags, mode);
}

/* The 256 shards are all alike: one in sixteen is counted. */
static int fault_mkdirat(int directory, const char *path, mode_t mode)
{
    if (strlen(path) == 2 && path[1] != '0')
        return os_linux.mkdirat(directory, path, mode);
    return fault_strikes(EFFECT_GROWS) ? -1 : os_linux.mkdirat(directory, path, mode);
}

static int fault_fchmod(int fd, mode_t mode)
{
    return fault_strikes(EFFECT_NONE) ? -1 : os_linux.fchmod(fd, mode);
}

static int fault_unlinkat(int directory, const char *path, int flags)
{
    return fault_strikes(EFFECT_GROWS) ? -1 : os_linux.unlinkat(directory, path, flags);
}

static int fault_fstatat(int directory, const char *path, struct stat *ret_stat, int flags)
{
    return fault_strikes(EFFECT_NONE) ? -1 : os_linux.fstatat(directory, path, ret_stat, flags);
}

/* Wherever the test runs, its file system has the name of one where many files are synced at once. */
static int fault_fstatfs(int fd, struct statfs *ret_statfs)
{
    int r = fault_strikes(EFFECT_NONE) ? -1 : os_linux.fstatfs(fd, ret_statfs);
    ret_statfs->f_type = EXT4_SUPER_MAGIC;
    return r;
}

static int fault_flock(int fd, int operation)
{
    return fault_strikes(EFFECT_NONE) ? -1 : os_linux.flock(fd, operation);
}

static ssize_t fault_pread(int fd, void *memory, size_t count, off_t offset)
{
    return fault_strikes(EFFECT_NONE) ? -1 : os_linux.pread(fd, memory, count, offset);
}

static ssize_t fault_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset,
                              int flags)
{
    if (!fault_strikes(EFFECT_GROWS | EFFECT_WRITES_BYTES))
        return os_linux.pwritev2(fd, pieces, count, offset, flags);
    if (fault.kind != FAULT_SHORT)
        return -1;

    struct iovec half = pieces[0].iov_len > 0 ? pieces[0] : pieces[1];
    half.iov_len = (half.iov_len + 1) / 2;
    return os_linux.pwritev2(fd, &half, 1, offset, flags);
}

static ssize_t fault_preadv2(int fd, const struct iovec *pieces, int count, off_t offset,
                             int flags)
{
    return fault_strikes(EFFECT_NONE) ? -1 : os_linux.preadv2(fd, pieces, count, offset, flags);
}

static ssize_t fault_copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset,
                                     size_t count, unsigned flags)
{
    if (fault_strikes(EFFECT_GROWS | EFFECT_WRITES_BYTES)) {
        if (fault.kind != FAULT_SHORT)
            return -1;
        count = (count + 1) / 2;
    }
    return os_linux.copy_file_range(from, from_offset, to, to_offset, count, flags);
}

static int fault_ftruncate(int fd, off_t size)
{
    return fault_strikes(EFFECT_GROWS) ? -1 : os_linux.ftruncate(fd, size);
}

static int fault_fallocate(int fd, int mode, off_t offset, off_t count)
{
    return fault_strikes(EFFECT_GROWS) ? -1 : os_linux.fallocate(fd, mode, offset, count);
}

static int fault_sync_file_range(int fd, off_t offset, off_t count, unsigned flags)
{
    return fault_strikes(EFFECT_GROWS) ? -1 : os_linux.sync_file_range(fd, offset, count, flags);
}

static int fault_fdatasync(int fd)
{
    return fault_strikes(EFFECT_GROWS) ? -1 : os_linux.fdatasync(fd);
}

static int fault_fsync(int fd)
{
    return fault_strikes(EFFECT_GROWS | EFFECT_MAY_END) ? -1 : os_linux.fsync(fd);
}

static int fault_syncfs(int fd)
{
    return fault_strikes(EFFECT_GROWS) ? -1 : os_linux.syncfs(fd);
}

static ssize_t fault_getrandom(void *data, size_t count, unsigned flags)
{
    return fault_strikes(EFFECT_NONE) ? -1 : os_linux.getrandom(data, count, flags);
}

static int fault_sqlite(enum os_sqlite_call call, const char *name, uint64_t offset, size_t count)
{
    unsigned effects = EFFECT_NONE;

    (void)name, (void)offset, (void)count;
    switch (call) {
    case OS_SQLITE_OPEN: effects = EFFECT_OPENS; break;
    case OS_SQLITE_WRITE:
    case OS_SQLITE_MAP:
    case OS_SQLITE_SYNC: effects = EFFECT_GROWS; break;
    case OS_SQLITE_READ:
    case OS_SQLITE_TRUNCATE:
    case OS_SQLITE_DELETE: break;
    }
    return fault_strikes(effects | EFFECT_MAY_END) ? fault_code() : 0;
}

/* ---- memory: the linker sends the calls of our own objects here (--wrap) ---- */

void *__real_malloc(size_t count);
void *__real_calloc(size_t number, size_t count);
void *__wrap_malloc(size_t count);
void *__wrap_calloc(size_t number, size_t count);

void *__wrap_malloc(size_t count)
{
    return fault_strikes(EFFECT_ALLOCATES) ? NULL : __real_malloc(count);
}

void *__wrap_calloc(size_t number, size_t count)
{
    return fault_strikes(EFFECT_ALLOCATES) ? NULL : __real_calloc(number, count);
}

static sqlite3_mem_methods sqlite_memory; /* SQLite's own */

static void *fault_sqlite_malloc(int count)
{
    return fault_strikes(EFFECT_SQLITE_ALLOCATES) ? NULL : sqlite_memory.xMalloc(count);
}

static void *fault_sqlite_realloc(void *memory, int count)
{
    return fault_strikes(EFFECT_SQLITE_ALLOCATES) ? NULL : sqlite_memory.xRealloc(memory, count);
}

void fault_wrap_sqlite_memory(void)
{
    sqlite3_mem_methods wrapped;

    (void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
    wrapped = sqlite_memory;
    wrapped.xMalloc = fault_sqlite_malloc;
    wrapped.xRealloc = fault_sqlite_realloc;
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped);
}

void fault_arm(enum fault_kind kind, unsigned long nth, bool forever, atomic_bool *fatal)
{
    fault.fatal = fatal;
    fault.kind = kind;
    fault.nth = nth;
    fault.forever = forever;
    fault.armed = true;
    atomic_store(&fault.calls, 0);
    atomic_store(&fault.hit, false);

    os.openat = fault_openat;
    os.mkdirat = fault_mkdirat;
    os.fchmod = fault_fchmod;
    os.unlinkat = fault_unlinkat;
    os.fstatat = fault_fstatat;
    os.fstatfs = fault_fstatfs;
    os.flock = fault_flock;
    os.pread = fault_pread;
    os.preadv2 = fault_preadv2;
    os.pwritev2 = fault_pwritev2;
    os.copy_file_range = fault_copy_file_range;
    os.ftruncate = fault_ftruncate;
    os.fallocate = fault_fallocate;
    os.sync_file_range = fault_sync_file_range;
    os.fdatasync = fault_fdatasync;
    os.fsync = fault_fsync;
    os.syncfs = fault_syncfs;
    os.getrandom = fault_getrandom;
    os.sqlite = fault_sqlite;
}

void fault_disarm(void)
{
    fault.armed = false;
    os = os_linux;
}

bool fault_hit(void)
{
    return atomic_load(&fault.hit);
}

unsigned long fault_calls(void)
{
    return atomic_load(&fault.calls);
}
