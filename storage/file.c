#define LOG_MODULE "file"
#include "storage/file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdbool.h>

#include "base/fail.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "storage/seeded.h"

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80 /* Linux 6.14: write out at once, then drop from the page cache */
#endif

enum {
    FILE_MODE = 0600,
    UNCACHED_BYTES = 64 * 1024,   /* smaller writes would only rewrite the same pages */
    PACE_BYTES = 8 * 1024 * 1024, /* where the kernel lacks RWF_DONTCACHE */
    ALLOCATE_BYTES = 1024 * 1024, /* small uploads are cheaper without */
    ALLOCATE_MOST_BYTES = 64 * 1024 * 1024,
};

void file_init(struct file *file, struct directory *directory, const struct upload_id *id)
{
    *file = (struct file){ .directory = directory, .id = *id, .fd = -1 };
}

static int file_fd(const struct file *file, int flags)
{
    struct directory_path path = directory_path(&file->id);
    flags |= O_CLOEXEC | O_NOFOLLOW;

    return os.openat(file->directory->files_fd, path.text, flags, FILE_MODE);
}

int file_open(struct file *file, uint64_t offset)
{
    assert(file->fd < 0);

    int fd = file_fd(file, offset == 0 ? O_RDWR | O_CREAT : O_RDWR);
    if (fd < 0 && errno == ENOENT && offset > 0) {
        log_error("the file is missing id=%s", upload_id_format(&file->id).text);
        return REFUSED_DAMAGED;
    }
    if (fd < 0 && (errno == ENOSPC || errno == EDQUOT))
        return REFUSED_NO_SPACE;
    if (fd < 0)
        return fail_errno("open the file of upload %s", upload_id_format(&file->id).text);

    file->fd = fd;
    file->opened_at = file->paced = offset;
    return 0;
}

void file_close(struct file *file)
{
    if (file->fd >= 0)
        (void)os.close(file->fd);
    file->fd = -1;
}

int file_open_read(const struct file *file, int *ret_fd)
{
    int fd = file_fd(file, O_RDONLY);
    if (fd < 0 && errno == ENOENT) {
        log_error("the file is missing id=%s", upload_id_format(&file->id).text);
        return REFUSED_DAMAGED;
    }
    if (fd < 0)
        return fail_errno("open the file of upload %s", upload_id_format(&file->id).text);

    *ret_fd = fd;
    return 0;
}

int file_read(const struct file *file, int fd, uint64_t offset, uint8_t *memory, size_t count)
{
    while (count > 0) {
        ssize_t got = os.pread(fd, memory, count, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno("read upload %s", upload_id_format(&file->id).text);
        if (got == 0) {
            log_error("the file is shorter than its offset id=%s size=%" PRIu64,
                      upload_id_format(&file->id).text, offset);
            return REFUSED_DAMAGED;
        }
        memory += got;
        offset += (uint64_t)got;
        count -= (size_t)got;
    }
    return 0;
}

int file_cut(struct file *file, uint64_t offset)
{
    int r = 0;
    int fd = file->fd >= 0 ? file->fd : file_fd(file, O_RDWR);

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || os.ftruncate(fd, (off_t)offset) < 0)
        r = fail_errno("cut upload %s to %" PRIu64 " bytes", upload_id_format(&file->id).text,
                       offset);
    if (fd >= 0 && fd != file->fd)
        (void)os.close(fd);
    return r;
}

int file_recover(struct file *file, uint64_t offset)
{
    struct stat about = { 0 };
    struct directory_path path = directory_path(&file->id);

    if (os.fstatat(file->directory->files_fd, path.text, &about, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return fail_errno("look at the file of upload %s", upload_id_format(&file->id).text);
        about.st_size = 0;
    }
    if ((uint64_t)about.st_size < offset) {
        log_error("the file is shorter than its offset id=%s size=%" PRIu64 " offset=%" PRIu64,
                  upload_id_format(&file->id).text, (uint64_t)about.st_size, offset);
        return REFUSED_DAMAGED;
    }
    if ((uint64_t)about.st_size > offset)
        return file_cut(file, offset);
    return 0;
}

/*
 * Blocks ahead of the writer keep the file in few pieces beside others that grow. The step is what
 * this append has brought so far: a claim of a length costs nobody any space.
 */
static void file_allocate(struct file *file, uint64_t end, uint64_t limit)
{
    uint64_t received = end - file->opened_at;

    if (end <= file->allocated || received < ALLOCATE_BYTES)
        return;

    uint64_t step = received < ALLOCATE_MOST_BYTES ? received : ALLOCATE_MOST_BYTES;
    uint64_t until = limit - end < step ? limit : end + step;
    if (until <= end)
        return;

    /* a refusal is not ours to tell: whether bytes fit is for the write to find out */
    (void)os.fallocate(file->fd, FALLOC_FL_KEEP_SIZE, (off_t)end, (off_t)(until - end));
    file->allocated = until;
}

/*
 * Hands whole windows to the disk and drops the one before from the page cache, as far as it is on the disk. To wait
 * for that would take an error away from the sync that is to meet it: the kernel tells it once.
 */
static void file_pace(struct file *file, uint64_t end)
{
    for (; end - file->paced >= PACE_BYTES; file->paced += PACE_BYTES) {
        off_t window = (off_t)file->paced;
        off_t before = window - PACE_BYTES;

        (void)os.sync_file_range(file->fd, window, PACE_BYTES, SYNC_FILE_RANGE_WRITE);
        if (before >= (off_t)file->opened_at)
            (void)os.posix_fadvise(file->fd, before, PACE_BYTES, POSIX_FADV_DONTNEED);
    }
}

/* One write, by the better way where the kernel and the file system have it. */
static ssize_t file_write_once(struct file *file, const struct iovec *pieces, int count,
                               size_t total, uint64_t offset)
{
    if (total >= UNCACHED_BYTES && atomic_load(&file->directory->uncached)) {
        ssize_t written = os.pwritev2(file->fd, pieces, count, (off_t)offset, RWF_DONTCACHE);
        if (written >= 0 || (errno != EOPNOTSUPP && errno != EINVAL))
            return written;
        atomic_store(&file->directory->uncached, false);
    }
    return os.pwritev2(file->fd, pieces, count, (off_t)offset, 0);
}

/* The pieces without their first count bytes; what is left of them is the result. */
static size_t pieces_after(struct iovec pieces[2], size_t count)
{
    for (int i = 0; i < 2; i++) {
        size_t gone = count < pieces[i].iov_len ? count : pieces[i].iov_len;
        pieces[i].iov_base = (char *)pieces[i].iov_base + gone;
        pieces[i].iov_len -= gone;
        count -= gone;
    }
    return pieces[0].iov_len + pieces[1].iov_len;
}

static int file_write_failed(struct file *file, int code)
{
    if (code == ENOSPC || code == EDQUOT) {
        log_warning("no space left id=%s", upload_id_format(&file->id).text);
        return REFUSED_NO_SPACE;
    }
    return fail_code(code, "write upload %s", upload_id_format(&file->id).text);
}

int file_write(struct file *file, const struct iovec pieces[2], uint64_t offset, uint64_t limit,
               size_t *ret_written)
{
    struct iovec left[2] = { pieces[0], pieces[1] };
    size_t total = pieces_after(left, 0);
    int code = 0;

    *ret_written = 0;
    file_allocate(file, offset + total, limit);
    while (total > 0 && code == 0) {
        ssize_t written = file_write_once(file, left, 2, total, offset);
        if (written > 0) {
            offset += (uint64_t)written;
            *ret_written += (size_t)written;
            total = pieces_after(left, (size_t)written);
        } else if (written == 0 || errno != EINTR) {
            code = written == 0 ? EIO : errno;
        }
    }
    if (code != 0)
        return file_write_failed(file, code);

    if (!atomic_load(&file->directory->uncached))
        file_pace(file, offset);
    return 0;
}

static int file_synced(const struct file *file, int result)
{
    if (result == 0)
        return 0;
    if (errno == ENOSPC || errno == EDQUOT)
        return REFUSED_NO_SPACE;
    return fail_errno("sync upload %s", upload_id_format(&file->id).text);
}

int file_sync(struct file *file)
{
    return file_synced(file, seeded(SEEDED_NO_FDATASYNC) ? 0 : os.fdatasync(file->fd));
}

/* To wait for writes, of which those that are asked for have come to their end, tells whether one failed, once, as
 * fdatasync does. */
int file_sync_outcome(struct file *file)
{
    return file_synced(file, os.sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE));
}
