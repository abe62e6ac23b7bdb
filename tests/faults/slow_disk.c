/*
 * A disk that is slow for some uploads, or fails: preloaded into a server
 *
 *     LD_PRELOAD=slow_disk.so SLOW_DISK=FILE ferryd ...
 *
 * FILE has a line "ID CALL MS [ERROR]" for each upload whose writes ("write"), syncs ("sync"), reads that may
 * wait ("read") or closes ("close") are to take that many milliseconds longer; an ID of "*" means every
 * upload. It is read again at each such call, so a test may write it when it has made its uploads, and
 * while a call takes longer, so it may end that; an ID of "lock" means DATA/lock. When a call begins to
 * take longer, a line "ID CALL" is appended to FILE.log: the test need not guess. As long as reads of an
 * upload are slow, none of it is in the page cache for those that may not wait (RWF_NOWAIT). Both files are opened
 * at the start: later the server may not open them (server/sandbox.h).
 *
 * With an ERROR, EIO or ENOSPC, the call is not made but fails so, once the time is over.
 *
 * Only calls on these files are looked at, and where ID is "ferry.db" or "ferry.db-wal" writes and syncs of these:
 * otherwise the database is as quick as ever.
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

/* The name of the upload whose file this is, "lock", which a trial of the disk is made with, or that of a file of
 * the database. */
static bool upload_of(int fd, char id[static 33])
{
    char entry[32], path[4096];

    (void)snprintf(entry, sizeof(entry), "/proc/self/fd/%d", fd);
    ssize_t count = readlink(entry, path, sizeof(path) - 1);
    if (count < 0)
        return false;
    path[count] = '\0';

    const char *name = strrchr(path, '/');
    if (name != NULL && (strcmp(name, "/lock") == 0 || strcmp(name, "/ferry.db") == 0 ||
                         strcmp(name, "/ferry.db-wal") == 0)) {
        (void)strcpy(id, name + 1);
        return true;
    }
    if (name == NULL || strlen(name) != 33 || strstr(path, "/files/") == NULL)
        return false;
    (void)memcpy(id, name + 1, 33);
    return true;
}

struct trouble {
    long ms;
    int error; /* 0: none */
};

static bool line_is_for(const char *its_id, const char *id)
{
    bool database = strncmp(id, "ferry.db", strlen("ferry.db")) == 0;

    return strcmp(its_id, id) == 0 || (its_id[0] == '*' && !database);
}

/* The longest of all lines, and the last error. */
static struct trouble trouble_of(const char *id, const char *call)
{
    char text[4096];
    struct trouble trouble = { 0 };
    char *rest = NULL;

    ssize_t count = pread(lines_fd, text, sizeof(text) - 1, 0);
    if (count < 0)
        abort();
    text[count] = '\0';
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char its_id[64], its_call[16], error[16] = "";
        long ms;

        if (sscanf(line, "%63s %15s %ld %15s", its_id, its_call, &ms, error) < 3 ||
            strcmp(its_call, call) != 0 || !line_is_for(its_id, id))
            continue;
        trouble.ms = ms > trouble.ms ? ms : trouble.ms;
        if (error[0] != '\0')
            trouble.error = strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
    }
    return trouble;
}

static void announce(const char *id, const char *call)
{
    char line[64];

    int count = snprintf(line, sizeof(line), "%s %s\n", id, call);
    if (write(log_fd, line, (size_t)count) != count)
        abort();
}

/* False, and errno: it fails. */
static bool disk_obeys(int fd, const char *call)
{
    char id[33];

    if (lines_fd < 0 || !upload_of(fd, id))
        return true;
    struct trouble trouble = trouble_of(id, call);
    if (trouble.ms == 0 && trouble.error == 0)
        return true;

    announce(id, call);
    for (long waited = 0; waited < trouble.ms; waited += STEP_MS) {
        struct timespec left = { .tv_nsec = STEP_MS * 1000000 };
        while (nanosleep(&left, &left) < 0 && errno == EINTR)
            ;
        trouble = trouble_of(id, call);
    }
    errno = trouble.error;
    return trouble.error == 0;
}

/* As programs with 64 bit offsets call pwritev2(). */
ssize_t pwritev64v2(int fd, const struct iovec *pieces, int count, off64_t offset, int flags)
{
    ssize_t (*next)(int fd, const struct iovec *pieces, int count, off64_t offset, int flags);

    *(void **)&next = dlsym(RTLD_NEXT, "pwritev64v2");
    return disk_obeys(fd, "write") ? next(fd, pieces, count, offset, flags) : -1;
}

/* SQLite's */
ssize_t pwrite64(int fd, const void *memory, size_t count, off64_t offset)
{
    ssize_t (*next)(int fd, const void *memory, size_t count, off64_t offset);

    *(void **)&next = dlsym(RTLD_NEXT, "pwrite64");
    return disk_obeys(fd, "write") ? next(fd, memory, count, offset) : -1;
}

static bool read_is_slow(int fd)
{
    char id[33];

    if (lines_fd < 0 || !upload_of(fd, id))
        return false;
    struct trouble trouble = trouble_of(id, "read");
    return trouble.ms > 0 || trouble.error != 0;
}

ssize_t preadv64v2(int fd, const struct iovec *pieces, int count, off64_t offset, int flags)
{
    ssize_t (*next)(int fd, const struct iovec *pieces, int count, off64_t offset, int flags);

    *(void **)&next = dlsym(RTLD_NEXT, "preadv64v2");
    if ((flags & RWF_NOWAIT) != 0 && read_is_slow(fd)) {
        errno = EAGAIN;
        return -1;
    }
    if ((flags & RWF_NOWAIT) == 0 && !disk_obeys(fd, "read"))
        return -1;
    return next(fd, pieces, count, offset, flags);
}

int close(int fd)
{
    int (*next)(int fd);

    *(void **)&next = dlsym(RTLD_NEXT, "close");
    (void)disk_obeys(fd, "close");
    return next(fd);
}

int fdatasync(int fd)
{
    int (*next)(int fd);

    *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    return disk_obeys(fd, "sync") ? next(fd) : -1;
}
