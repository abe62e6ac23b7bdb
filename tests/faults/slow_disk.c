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
 * upload are slow, none of it is in the page cache for those that may not wait (RWF_NOWAIT). Both files are opened
 * at the start: later the server may not open them (server/sandbox.h).
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

static int lines_fd = -1, log_fd = -1;

static int open_at_start(const char *path, int flags)
{
    int fd = open(path, flags | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        abort();
    return fd;
}

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("SLOW_DISK");
    char path[4096];

    if (file == NULL)
        return;
    lines_fd = open_at_start(file, O_RDONLY);
    (void)snprintf(path, sizeof(path), "%s.log", file);
    log_fd = open_at_start(path, O_WRONLY | O_APPEND);
}

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

static long delay_of(const char *id, const char *call)
{
    char text[4096], its_id[64], its_call[16];
    char *rest = NULL;
    long ms, longest = 0;

    ssize_t count = pread(lines_fd, text, sizeof(text) - 1, 0);
    if (count < 0)
        abort();
    text[count] = '\0';
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (sscanf(line, "%63s %15s %ld", its_id, its_call, &ms) == 3 && ms > longest &&
            strcmp(its_call, call) == 0 && (its_id[0] == '*' || strcmp(its_id, id) == 0))
            longest = ms;
    return longest;
}

static void announce(const char *id, const char *call)
{
    char line[64];

    int count = snprintf(line, sizeof(line), "%s %s\n", id, call);
    if (write(log_fd, line, (size_t)count) != count)
        abort();
}

static void wait_for_disk(int fd, const char *call)
{
    char id[33];

    if (lines_fd < 0 || !upload_of(fd, id))
        return;
    long ms = delay_of(id, call);
    if (ms == 0)
        return;

    announce(id, call);
    for (long waited = 0; waited < ms; waited += STEP_MS) {
        struct timespec left = { .tv_nsec = STEP_MS * 1000000 };
        while (nanosleep(&left, &left) < 0 && errno == EINTR)
            ;
        ms = delay_of(id, call);
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
    char id[33];

    return lines_fd >= 0 && upload_of(fd, id) && delay_of(id, "read") > 0;
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
