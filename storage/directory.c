/*
 * Order at the very first start, so that a crash in the middle is completed by the next start.
 * Every other start makes what shards are missing, as after a restored backup, and syncs files:
 *
 *   1. DATA, DATA/files, the 256 shards
 *   2. fsync(files): the shards are there
 *   3. fsync(DATA), fsync of its parent: the way to them is there
 *   4. only then the database, whose presence says that 1 to 3 have happened
 */
#define LOG_MODULE "directory"
#include "storage/directory.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "storage/os.h"
#include "storage/seeded.h"

enum {
    DIRECTORY_MODE = 0700,
    LOCK_MODE = 0600,
};

static int directory_fd(int at, const char *name)
{
    int fd = os.openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fail_errno("open directory %s", name);
    return fd;
}

static int directory_make(int at, const char *name)
{
    if (os.mkdirat(at, name, DIRECTORY_MODE) == 0 || errno == EEXIST)
        return 0;
    return fail_errno("make directory %s", name);
}

/* What a server that once ran as another user has left: each is the first of its kind. */
static int directory_check_owner(const char *path)
{
    static const char *const names[] = { "", "/lock", "/files", "/files/00", "/ferry.db" };
    char place[PATH_MAX];
    struct stat about;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(place, sizeof(place), "%s%s", path, names[i]);
        bool there = os.fstatat(AT_FDCWD, place, &about, 0) == 0;
        if (!there && (errno != ENOENT || i == 0))
            return fail_errno("look at %s", place);
        if (there && about.st_uid != geteuid())
            return fail_code(EPERM, "%s belongs to user %u, not to %u; \"chown -R\" gives it over",
                             place, about.st_uid, geteuid());
    }
    return 0;
}

/* Who may not even look for it there would not reach it either when somebody else has made it. */
static int directory_check_way(const char *path)
{
    struct stat about;

    if (os.fstatat(AT_FDCWD, path, &about, 0) != 0 && errno != ENOENT)
        return fail_errno("user %u cannot reach directory %s", geteuid(), path);
    return 0;
}

int directory_make_own(const char *path, bool *ret_there)
{
    bool there = true;
    int r = 0;

    if (os.mkdirat(AT_FDCWD, path, DIRECTORY_MODE) != 0) {
        there = errno != EACCES;
        if (errno == EACCES)
            r = directory_check_way(path);
        else if (errno == EEXIST)
            r = directory_check_owner(path);
        else
            r = fail_errno("make directory %s", path);
    }
    if (r == 0)
        *ret_there = there;
    return r;
}

static bool directory_is_empty(int fd)
{
    const struct dirent *entry;
    unsigned count = 0;

    AUTO_CLOSE int again = os.openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    DIR *names = again < 0 ? NULL : fdopendir(again);
    if (names == NULL)
        return false;
    (void)TAKE_FD(again);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream */
    while ((entry = readdir(names)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(names);
    return count == 0;
}

int directory_make_for(const char *path, uid_t owner, gid_t group)
{
    struct stat about;

    if (os.mkdirat(AT_FDCWD, path, DIRECTORY_MODE) != 0)
        return fail_errno("make directory %s", path);
    AUTO_CLOSE int fd =
        os.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd < 0 || os.fstatat(fd, ".", &about, 0) != 0)
        return fail_errno("open directory %s", path);

    /* Who may write above it could have put something else of ours there since. S_ISGID comes from above. */
    if (about.st_uid != geteuid() || (about.st_mode & 07777 & ~S_ISGID) != DIRECTORY_MODE ||
        !directory_is_empty(fd))
        return fail_code(EPERM, "%s is not the directory that was made", path);
    return os.fchown(fd, owner, group) == 0 ? 0 : fail_errno("give directory %s away", path);
}

static void directory_sync(int fd, const char *name)
{
    if (os.fsync(fd) < 0)
        fail_fatal("sync of directory %s failed: %s", name, strerrordesc_np(errno));
}

static int directory_file_system(int fd, const char *path, uint32_t *ret_magic)
{
    struct statfs about;

    if (os.fstatfs(fd, &about) < 0)
        return fail_errno("ask for the file system of %s", path);
    *ret_magic = (uint32_t)about.f_type;
    return 0;
}

/* Where a syncfs was seen to promise as much as an fsync of each: by reading and by power cuts, spec/crash.md. */
static bool directory_syncs_together(uint32_t magic)
{
    return magic == EXT4_SUPER_MAGIC || magic == XFS_SUPER_MAGIC || magic == BTRFS_SUPER_MAGIC;
}

/*
 * SQLite's shared memory and our lock mean nothing on a file system that another machine writes
 * to as well, and few of these keep what fsync promises.
 */
static int directory_refuse_network(uint32_t magic, const char *path)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } networks[] = {
        { 0x6969, "NFS" },        { 0x517b, "SMB" },       { 0xff534d42, "CIFS" },
        { 0xfe534d42, "SMB2" },   { 0x01021997, "9P" },    { 0x00c36400, "Ceph" },
        { 0x5346414f, "AFS" },    { 0x73757245, "Coda" },  { 0x0bd00bd0, "Lustre" },
        { 0x01161970, "GFS2" },   { 0x7461636f, "OCFS2" }, { 0x47504653, "GPFS" },
        { 0x19830326, "BeeGFS" },
    };

    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
        if (magic == networks[i].magic)
            return fail_code(ENOTSUP, "%s lies on %s; the data directory must be on a local disk",
                             path, networks[i].name);
    return 0;
}

static int directory_lock(int root_fd, const char *path)
{
    int fd = os.openat(root_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
    if (fd < 0)
        return fail_errno("open %s/lock", path);

    if (os.flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int r = errno == EWOULDBLOCK ? fail_code(EBUSY, "another server uses %s", path)
                                 : fail_errno("lock %s/lock", path);
    (void)os.close(fd);
    return r;
}

/* The name of DATA itself; a server that may not read above it leaves that to the kernel. */
static int directory_sync_parent(struct directory *directory)
{
    int fd = os.openat(directory->root_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0 && errno == EACCES) {
        log_warning("the directory above %s cannot be synced", directory->path);
        return 0;
    }
    if (fd < 0)
        return fail_errno("open the directory above %s", directory->path);

    directory_sync(fd, "above the data directory");
    (void)os.close(fd);
    return 0;
}

static int directory_make_shards(struct directory *directory)
{
    char name[3];

    for (unsigned i = 0; i < DIRECTORY_SHARDS; i++) {
        (void)snprintf(name, sizeof(name), "%02x", i & 0xff);
        int r = directory_make(directory->files_fd, name);
        if (r != 0)
            return r;
    }
    directory_sync(directory->files_fd, "files");
    return 0;
}

/* 1 before the first start has come to its end, 0 after it. */
static int directory_is_new(struct directory *directory)
{
    struct stat about;

    if (os.fstatat(directory->root_fd, "ferry.db", &about, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 1 : fail_errno("look for %s/ferry.db", directory->path);
    if (!S_ISREG(about.st_mode))
        return fail_code(EINVAL, "%s/ferry.db is no regular file", directory->path);
    return about.st_size == 0;
}

/* What others can put there, or take away, is not what a server has made. */
static int directory_look_for_others(const struct directory *directory)
{
    struct stat about;

    if (os.fstatat(directory->root_fd, ".", &about, 0) != 0)
        return fail_errno("look at %s", directory->path);
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        log_warning("others can write to %s, its mode is %04o: 0700 keeps them out",
                    directory->path, about.st_mode & 07777);
    return 0;
}

/* It may be a mount of its own. */
static int directory_enter_files(struct directory *directory, const char *path)
{
    uint32_t magic = 0;

    int r = directory_make(directory->root_fd, "files");
    if (r != 0)
        return r;

    directory->files_fd = directory_fd(directory->root_fd, "files");
    if (directory->files_fd < 0)
        return directory->files_fd;

    r = directory_file_system(directory->files_fd, path, &magic);
    if (r == 0)
        r = directory_refuse_network(magic, path);
    if (r != 0)
        return r;
    directory->together = directory_syncs_together(magic);
    for (size_t i = 0; i < DIRECTORY_SYNCERS; i++) {
        directory->sync_fds[i] = directory_fd(directory->files_fd, ".");
        if (directory->sync_fds[i] < 0)
            return directory->sync_fds[i];
    }
    return 0;
}

/* What was opened before a failure is closed by the caller. */
static int directory_enter(struct directory *directory, const char *path)
{
    uint32_t magic = 0;

    int r = directory_make(AT_FDCWD, path);
    if (r != 0)
        return r;

    /* it is told to others, who may stand elsewhere */
    directory->path = realpath(path, NULL);
    if (directory->path == NULL)
        return fail_errno("find the way to directory %s", path);

    directory->root_fd = directory_fd(AT_FDCWD, path);
    if (directory->root_fd < 0)
        return directory->root_fd;

    r = directory_file_system(directory->root_fd, path, &magic);
    if (r == 0)
        r = directory_refuse_network(magic, path);
    if (r != 0)
        return r;

    directory->lock_fd = directory_lock(directory->root_fd, path);
    if (directory->lock_fd < 0)
        return directory->lock_fd;

    r = directory_enter_files(directory, path);
    if (r != 0)
        return r;

    int new = directory_is_new(directory);
    if (new > 0)
        log_warning("no uploads yet: a new store begins path=%s", path);
    r = new < 0 ? new : directory_make_shards(directory);
    if (r != 0 || new == 0)
        return r;

    directory_sync(directory->root_fd, directory->path);
    return directory_sync_parent(directory);
}

int directory_open(const char *path, struct directory *ret_directory)
{
    struct directory directory = DIRECTORY_CLOSED;

    atomic_init(&directory.uncached, true);

    int r = directory_enter(&directory, path);
    if (r == 0)
        r = directory_look_for_others(&directory);
    if (r != 0) {
        directory_close(&directory);
        return r;
    }
    *ret_directory = directory;
    return 0;
}

/* The same for reading. */
static int directory_look_in(struct directory *directory, const char *path, bool *ret_beside)
{
    directory->root_fd = directory_fd(AT_FDCWD, path);
    if (directory->root_fd < 0)
        return directory->root_fd;

    directory->path = realpath(path, NULL);
    if (directory->path == NULL)
        return fail_errno("find the way to directory %s", path);

    directory->lock_fd =
        os.openat(directory->root_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (directory->lock_fd < 0)
        return fail_errno("open %s/lock", path);
    bool taken = os.flock(directory->lock_fd, LOCK_EX | LOCK_NB) == 0;
    if (!taken && errno != EWOULDBLOCK)
        return fail_errno("lock %s/lock", path);

    directory->files_fd = directory_fd(directory->root_fd, "files");
    if (directory->files_fd < 0)
        return directory->files_fd;
    *ret_beside = !taken;

    int new = directory_is_new(directory);
    return new < 0 ? new : 0; /* of one without a database SQLite tells */
}

int directory_open_reading(const char *path, struct directory *ret_directory, bool *ret_beside)
{
    struct directory directory = DIRECTORY_CLOSED;

    int r = directory_look_in(&directory, path, ret_beside);
    if (r != 0) {
        directory_close(&directory);
        return r;
    }
    *ret_directory = directory;
    return 0;
}

void directory_close(struct directory *directory)
{
    int fds[] = { directory->sync_fds[SYNCER_PATIENT], directory->sync_fds[SYNCER_EAGER],
                  directory->files_fd, directory->lock_fd, directory->root_fd };

    _Static_assert(DIRECTORY_SYNCERS == 2, "here and in DIRECTORY_CLOSED");

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            (void)os.close(fds[i]);
    free(directory->path);
    *directory = DIRECTORY_CLOSED;
}

struct directory_path directory_path(const struct upload_id *id)
{
    struct directory_path path;
    struct upload_id_text text = upload_id_format(id);

    (void)snprintf(path.text, sizeof(path.text), "%.2s/%s", text.text, text.text);
    return path;
}

int directory_sync_shard(struct directory *directory, const struct upload_id *id)
{
    char name[3];

    (void)snprintf(name, sizeof(name), "%02x", id->bytes[0]);
    int fd = directory_fd(directory->files_fd, name);
    if (fd < 0)
        return fd;
    directory_sync(fd, name);
    (void)os.close(fd);
    return 0;
}

int directory_sync_all(struct directory *directory, enum directory_syncer syncer)
{
    if (seeded(SEEDED_NO_SYNCFS))
        return 0;
    if (os.syncfs(directory->sync_fds[syncer]) < 0)
        return fail_errno("sync the file system of %s", directory->path);
    /* without a journal ext4 writes metadata after the flush of its syncfs: that of fsync comes behind them */
    directory_sync(directory->files_fd, "files");
    return 0;
}

void directory_sync_root(struct directory *directory)
{
    directory_sync(directory->root_fd, directory->path);
}

int directory_space(const struct directory *directory, uint64_t *ret_free_bytes,
                    uint64_t *ret_total_bytes)
{
    struct statfs about;

    if (os.fstatfs(directory->root_fd, &about) < 0)
        return fail_errno("ask for the free space of %s", directory->path);
    *ret_free_bytes = (uint64_t)about.f_bavail * (uint64_t)about.f_bsize;
    *ret_total_bytes = (uint64_t)about.f_blocks * (uint64_t)about.f_bsize;
    return 0;
}

int directory_probe(const struct directory *directory)
{
    char line = '\n';
    struct iovec piece = { .iov_base = &line, .iov_len = 1 };

    if (os.pwritev2(directory->lock_fd, &piece, 1, 0, 0) != 1 ||
        os.fdatasync(directory->lock_fd) != 0)
        return fail_errno("write to %s/lock, as a trial", directory->path);
    return 0;
}

uint64_t directory_file_bytes(const struct directory *directory, const char *name)
{
    struct stat about;

    return os.fstatat(directory->root_fd, name, &about, AT_SYMLINK_NOFOLLOW) == 0
               ? (uint64_t)about.st_size
               : 0;
}
