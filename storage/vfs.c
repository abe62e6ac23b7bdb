#define LOG_MODULE "vfs"
#include "storage/vfs.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "base/fail.h"
#include "storage/os.h"

/* SQLite allocates szOsFile bytes for it; the real file follows behind. */
struct vfs_file {
    sqlite3_file base;
    const char *name; /* SQLite keeps it until the file is closed */
    sqlite3_file *real;
};

static sqlite3_vfs *vfs_real;

static sqlite3_file *real_file(sqlite3_file *file)
{
    return ((struct vfs_file *)file)->real;
}

/* SQLITE_OK, or the code for a call that is to fail: full disks look alike in all of them. */
static int vfs_announce(enum os_sqlite_call call, const char *name, sqlite3_int64 offset,
                        sqlite3_int64 count, int failure)
{
    int code = os.sqlite(call, name == NULL ? "temporary" : name, (uint64_t)offset, (size_t)count);

    if (code == 0)
        return SQLITE_OK;
    return call == OS_SQLITE_WRITE && (code == ENOSPC || code == EDQUOT) ? SQLITE_FULL : failure;
}

static int vfs_announce_file(enum os_sqlite_call call, sqlite3_file *file, sqlite3_int64 offset,
                             sqlite3_int64 count, int failure)
{
    return vfs_announce(call, ((struct vfs_file *)file)->name, offset, count, failure);
}

static int vfs_close(sqlite3_file *file)
{
    return real_file(file)->pMethods->xClose(real_file(file));
}

static int vfs_read(sqlite3_file *file, void *data, int count, sqlite3_int64 offset)
{
    int code = vfs_announce_file(OS_SQLITE_READ, file, offset, count, SQLITE_IOERR_READ);
    if (code != SQLITE_OK)
        return code;
    return real_file(file)->pMethods->xRead(real_file(file), data, count, offset);
}

static int vfs_write(sqlite3_file *file, const void *data, int count, sqlite3_int64 offset)
{
    int code = vfs_announce_file(OS_SQLITE_WRITE, file, offset, count, SQLITE_IOERR_WRITE);
    if (code != SQLITE_OK)
        return code;
    return real_file(file)->pMethods->xWrite(real_file(file), data, count, offset);
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = vfs_announce_file(OS_SQLITE_TRUNCATE, file, size, 0, SQLITE_IOERR_TRUNCATE);
    if (code != SQLITE_OK)
        return code;
    return real_file(file)->pMethods->xTruncate(real_file(file), size);
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    int code = vfs_announce_file(OS_SQLITE_SYNC, file, 0, 0, SQLITE_IOERR_FSYNC);
    if (code != SQLITE_OK)
        return code;
    return real_file(file)->pMethods->xSync(real_file(file), flags);
}

static int vfs_file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return real_file(file)->pMethods->xFileSize(real_file(file), ret_size);
}

static int vfs_lock(sqlite3_file *file, int level)
{
    return real_file(file)->pMethods->xLock(real_file(file), level);
}

static int vfs_unlock(sqlite3_file *file, int level)
{
    return real_file(file)->pMethods->xUnlock(real_file(file), level);
}

static int vfs_check_reserved_lock(sqlite3_file *file, int *ret_reserved)
{
    return real_file(file)->pMethods->xCheckReservedLock(real_file(file), ret_reserved);
}

static int vfs_file_control(sqlite3_file *file, int operation, void *argument)
{
    return real_file(file)->pMethods->xFileControl(real_file(file), operation, argument);
}

static int vfs_sector_size(sqlite3_file *file)
{
    return real_file(file)->pMethods->xSectorSize(real_file(file));
}

static int vfs_device_characteristics(sqlite3_file *file)
{
    return real_file(file)->pMethods->xDeviceCharacteristics(real_file(file));
}

static int vfs_shm_map(sqlite3_file *file, int page, int page_size, int extend,
                       void volatile **ret_memory)
{
    sqlite3_int64 offset = (sqlite3_int64)page * page_size;
    int code = vfs_announce_file(OS_SQLITE_MAP, file, offset, page_size, SQLITE_IOERR_SHMSIZE);
    if (code != SQLITE_OK)
        return code;
    return real_file(file)->pMethods->xShmMap(real_file(file), page, page_size, extend, ret_memory);
}

static int vfs_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_file(file)->pMethods->xShmLock(real_file(file), offset, count, flags);
}

static void vfs_shm_barrier(sqlite3_file *file)
{
    real_file(file)->pMethods->xShmBarrier(real_file(file));
}

static int vfs_shm_unmap(sqlite3_file *file, int delete)
{
    return real_file(file)->pMethods->xShmUnmap(real_file(file), delete);
}

/* Version 2: without xFetch, as the database is never mapped (mmap_size is 0). */
static const sqlite3_io_methods vfs_methods = {
    .iVersion = 2,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_file_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_check_reserved_lock,
    .xFileControl = vfs_file_control,
    .xSectorSize = vfs_sector_size,
    .xDeviceCharacteristics = vfs_device_characteristics,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

/*
 * What clients told about their uploads is for nobody else's eyes. The log and its index take over the mode of the
 * database. Before SQLite opens it, as to close another descriptor of the file would drop its locks; and by a descriptor,
 * as a running server may change no modes by name.
 */
static int vfs_protect(const char *name)
{
    mode_t mode = S_IRUSR | S_IWUSR;

    int fd = os.openat(AT_FDCWD, name, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : SQLITE_CANTOPEN;
    int r = os.fchmod(fd, mode);
    (void)os.close(fd);
    return r == 0 ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct vfs_file *file = (struct vfs_file *)base;

    (void)vfs;
    file->base.pMethods = NULL; /* tells SQLite that there is nothing to close */
    file->name = name;
    file->real = (sqlite3_file *)(file + 1);

    bool writes = (flags & SQLITE_OPEN_MAIN_DB) != 0 && (flags & SQLITE_OPEN_CREATE) != 0;
    int code = vfs_announce(OS_SQLITE_OPEN, name, 0, 0, SQLITE_CANTOPEN);
    if (code == SQLITE_OK && writes)
        code = vfs_protect(name);
    if (code == SQLITE_OK)
        code = vfs_real->xOpen(vfs_real, name, file->real, flags, ret_flags);
    if (code == SQLITE_OK)
        file->base.pMethods = &vfs_methods;
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    (void)vfs;
    int code = vfs_announce(OS_SQLITE_DELETE, name, 0, 0, SQLITE_IOERR_DELETE);
    if (code != SQLITE_OK)
        return code;
    return vfs_real->xDelete(vfs_real, name, sync_directory);
}

static int vfs_result = SQLITE_ERROR;

static void vfs_register_once(void)
{
    static sqlite3_vfs vfs;

    /* the real one serves everything that has no file: time, sleep, random, full names */
    vfs_real = sqlite3_vfs_find("unix");
    if (vfs_real == NULL)
        return;
    vfs = *vfs_real;
    vfs.zName = VFS_NAME;
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct vfs_file) + vfs_real->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs_result = sqlite3_vfs_register(&vfs, 0);
}

int vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, vfs_register_once);
    if (vfs_result != SQLITE_OK)
        return fail_code(ENOSYS, "register the file system shim with SQLite");
    return 0;
}
