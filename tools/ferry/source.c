#include "tools/ferry/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/ferry/say.h"
#include "tools/ferry/spool.h"
#include "tools/ferry/text.h"

static struct identity identity_of(const struct stat *status)
{
    return (struct identity){
        .size = (uint64_t)status->st_size,
        .inode = status->st_ino,
        .mtime_ns = status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
    };
}

static bool filesystem_numbers_stable(int fd)
{
    struct statfs status;

    if (fstatfs(fd, &status) != 0)
        return false;
    return status.f_type != MSDOS_SUPER_MAGIC && status.f_type != EXFAT_SUPER_MAGIC &&
           status.f_type != FUSE_SUPER_MAGIC;
}

static struct source *source_new(const char *given, const char *name)
{
    size_t size = strlen(name) + 1;
    struct source *source = calloc(1, sizeof(*source));

    if (source == NULL)
        return NULL;
    source->fd = -1;
    source->given = given;
    source->name = malloc(size);
    if (source->name == NULL) {
        free(source);
        return NULL;
    }
    text_clean(name, size, source->name);
    return source;
}

int source_open(const char *path, struct source **ret_source)
{
    CLEANUP(source_closep) struct source *source = source_new(path, path);
    struct stat status;

    if (source == NULL)
        return say_errno("%s", path);
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not wait here */
    if (source->fd < 0)
        return say_errno("%s", path);
    if (fstat(source->fd, &status) != 0)
        return say_errno("%s", path);
    if (!S_ISREG(status.st_mode)) {
        say_error("%s: not a regular file%s", path,
                  S_ISDIR(status.st_mode) ? "; --recursive uploads what is in a folder"
                                          : "; use - and standard input for it");
        return -EINVAL;
    }
    source->path = realpath(path, NULL);
    if (source->path == NULL)
        return say_errno("%s", path);

    source->identity = identity_of(&status);
    source->size = source->identity.size;
    source->inode_stable = filesystem_numbers_stable(source->fd);
    *ret_source = TAKE_PTR(source);
    return 0;
}

int source_open_part(const struct source *whole, uint64_t begin, uint64_t size,
                     struct source **ret_source)
{
    CLEANUP(source_closep) struct source *source = source_new(whole->given, whole->given);

    if (source == NULL)
        return say_errno("%s", whole->name);
    source->fd = fcntl(whole->fd, F_DUPFD_CLOEXEC, 0);
    if (source->fd < 0)
        return say_errno("%s", whole->name);
    source->identity = whole->identity;
    source->inode_stable = whole->inode_stable;
    source->begin = begin;
    source->size = size;
    *ret_source = TAKE_PTR(source);
    return 0;
}

int source_open_zeros(uint64_t size, struct source **ret_source)
{
    CLEANUP(source_closep) struct source *source = source_new("zeros", "zeros");
    struct stat status;

    if (source == NULL)
        return say_errno("zeros");
    source->fd = memfd_create("zeros", MFD_CLOEXEC);
    if (source->fd < 0 || ftruncate(source->fd, (off_t)size) != 0 ||
        fstat(source->fd, &status) != 0)
        return say_errno("zeros");
    source->identity = identity_of(&status);
    source->size = size;
    *ret_source = TAKE_PTR(source);
    return 0;
}

int source_open_input(size_t spool_bytes, struct source **ret_source)
{
    CLEANUP(source_closep) struct source *source = source_new("-", "standard input");

    if (source == NULL)
        return say_errno("standard input");
    int r = spool_new(STDIN_FILENO, spool_bytes, &source->spool);
    if (r != 0)
        return r;

    *ret_source = TAKE_PTR(source);
    return 0;
}

void source_close(struct source *source)
{
    if (source == NULL)
        return;
    cleanup_closep(&source->fd);
    spool_free(source->spool);
    free(source->path);
    free(source->name);
    free(source);
}

bool source_same(const struct source *source, const struct identity *identity)
{
    return source->identity.size == identity->size &&
           source->identity.mtime_ns == identity->mtime_ns &&
           (!source->inode_stable || source->identity.inode == identity->inode);
}

bool source_length(const struct source *source, uint64_t *ret_length)
{
    if (source->spool != NULL)
        return spool_length(source->spool, ret_length);
    *ret_length = source->size;
    return true;
}

uint64_t source_available(const struct source *source, uint64_t offset, uint64_t most)
{
    uint64_t end = source->spool != NULL ? spool_end(source->spool) : source->size;
    uint64_t available = end > offset ? end - offset : 0;
    return available < most ? available : most;
}

int source_check(const struct source *source)
{
    struct stat status;

    if (source->spool != NULL)
        return 0;
    if (fstat(source->fd, &status) != 0)
        return say_errno("%s", source->name);
    struct identity now = identity_of(&status);
    if (now.size == source->identity.size && now.mtime_ns == source->identity.mtime_ns)
        return 0;

    say_error("%s: changed while it was sent; when it is at rest, run the same command again",
              source->name);
    return -ESTALE;
}

ssize_t source_read(struct source *source, uint64_t offset, void *buffer, size_t count)
{
    ssize_t got;

    if (source->spool != NULL)
        return (ssize_t)spool_read(source->spool, offset, buffer, count);

    int r = source_check(source);
    if (r != 0)
        return r;
    do {
        got = pread(source->fd, buffer, count, (off_t)(source->begin + offset));
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return say_errno("%s: reading at %" PRIu64, source->name, source->begin + offset);
    if (got == 0 && count > 0) {
        say_error("%s: became shorter while it was sent", source->name);
        return -ESTALE;
    }
    return got;
}

void source_acknowledge(struct source *source, uint64_t offset)
{
    if (source->spool != NULL)
        spool_acknowledge(source->spool, offset);
}

uint64_t source_earliest(const struct source *source)
{
    return source->spool != NULL ? spool_begin(source->spool) : 0;
}
