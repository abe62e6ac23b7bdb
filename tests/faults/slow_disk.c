/*
 * A disk that is slow for some uploads: preloaded into a server
 *
 *     LD_PRELOAD=slow_disk.so SLOW_DISK=FILE ferryd ...
 *
 * FILE has a line "ID CALL MS" for each upload whose writes ("write"), syncs ("sync"), reads that may
 * wait ("read") or closes ("close") are to take that many milliseconds longer; an ID of "*" means every
 * upload. It is read again at each such call, so a test may write it when it has made its uploads, and
 * while a call takes longer, so it may end that; an ID of "lock" means DATA/lock. When a call begins to
 * take longer, a line "ID CALL" is appended to FILE.log: the test need not guess. As long as reads of an
 * upload are slow, none of it is in the page cache for those that may not wait (RWF_NOWAIT).
 *
 * Only calls on these files are looked at: the database is as quick as ever.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    STEP_MS = 10
};

/* The name of the upload whose file this is, or "lock", which a trial of the disk is made with. */
static bool upload_of(int fd, char id[static 33])
{
    char entry[32], path[4096];

    (void)snprintf(entry, sizeof(entry), "/proc/self/fd/%d", fd);
    ssize_t count = readlink(entry, path, sizeof(path) - 1);
    if (count < 0)
        return false;
    path[count] = '\0';

    const char *name = strrchr(path, '/');
    if (name != NULL && strcmp(name, "/lock") == 0) {
        (void)strcpy(id, "lock");
        return true;
    }
    if (name == NULL || strlen(name) != 33 || strstr(path, "/files/") == NULL)
        return false;
    (void)memcpy(id, name + 1, 33);
    return true;
}

static long delay_of(const char *file, const char *id, const char *call)
{
    char line[128], its_id[64], its_call[16];
    long ms, longest = 0;

    FILE *lines = fopen(file, "re");
    while (lines != NULL && fgets(line, sizeof(line), lines) != NULL)
        if (sscanf(line, "%63s %15s %ld", its_id, its_call, &ms) == 3 && ms > longest &&
            strcmp(its_call, call) == 0 && (its_id[0] == '*' || strcmp(its_id, id) == 0))
            longest = ms;
    if (lines != NULL)
        (void)fclose(lines);
    return longest;
}

static void announce(const char *file, const char *id, const char *call)
{
    char path[4096], line[64];

    (void)snprintf(path, sizeof(path), "%s.log", file);
    int count = snprintf(line, sizeof(line), "%s %s\n", id, call);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)count) != count)
        abort();
    (void)close(fd);
}

static void wait_for_disk(int fd, const char *call)
{
    const char *file = getenv("SLOW_DISK");
    char id[33];

    if (file == NULL || !upload_of(fd, id))
        return;
    long ms = delay_of(file, id, call);
    if (ms == 0)
        return;

    announce(file, id, call);
    for (long waited = 0; waited < ms; waited += STEP_MS) {
        struct timespec left = { .tv_nsec = STEP_MS * 1000000 };
        while (nanosleep(&left, &left) < 0 && errno == EINTR)
            ;
        ms = delay_of(file, id, call);
    }
}

/* As programs with 64 bit offsets call pwritev2(). */
ssize_t pwritev64v2(int fd, const struct iovec *pieces, int count, off64_t offset, int flags)
{
    ssize_t (*next)(int fd, const struct iovec *pieces, int count, off64_t offset, int flags);

    *(void **)&next = dlsym(RTLD_NEXT, "pwritev64v2");
    wait_for_disk(fd, "write");
    return next(fd, pieces, count, offset, flags);
}

static bool read_is_slow(int fd)
{
    const char *file = getenv("SLOW_DISK");
    char id[33];

    return file != NULL && upload_of(fd, id) && delay_of(file, id, "read") > 0;
}

ssize_t preadv64v2(int fd, const struct iovec *pieces, int count, off64_t offset, int flags)
{
    ssize_t (*next)(int fd, const struct iovec *pieces, int count, off64_t offset, int flags);

    *(void **)&next = dlsym(RTLD_NEXT, "preadv64v2");
    if ((flags & RWF_NOWAIT) != 0 && read_is_slow(fd)) {
        errno = EAGAIN;
        return -1;
    }
    if ((flags & RWF_NOWAIT) == 0)
        wait_for_disk(fd, "read");
    return next(fd, pieces, count, offset, flags);
}

int close(int fd)
{
    int (*next)(int fd);

    *(void **)&next = dlsym(RTLD_NEXT, "close");
    wait_for_disk(fd, "close");
    return next(fd);
}

int fdatasync(int fd)
{
    int (*next)(int fd);

    *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    wait_for_disk(fd, "sync");
    return next(fd);
}
