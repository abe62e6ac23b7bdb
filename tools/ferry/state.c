#include "tools/ferry/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/ferry/say.h"

/* The value if it is an absolute path: others are to be ignored (XDG Base Directory). */
static const char *state_variable(const char *name)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): nobody changes it */
    return value != NULL && *value == '/' ? value : NULL;
}

static char *state_path(void)
{
    const char *state = state_variable("XDG_STATE_HOME");
    const char *home = state_variable("HOME");
    char *path = NULL;

    if (state == NULL && home == NULL)
        return NULL;
    int count = state != NULL ? asprintf(&path, "%s/ferry", state)
                              : asprintf(&path, "%s/.local/state/ferry", home);
    return count < 0 ? NULL : path;
}

/* Makes the folder and its entry in the one above, which holds after a power cut. */
static int state_make_one(const char *path)
{
    AUTO_FREE char *above = NULL;

    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? 0 : -1;
    if (asprintf(&above, "%s/..", path) < 0)
        return -1;
    AUTO_CLOSE int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

/* Every folder of the path that is missing. */
static int state_make(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = state_make_one(path);
        *slash = '/';
        if (r != 0)
            return -1;
    }
    return state_make_one(path);
}

int state_open(void)
{
    AUTO_FREE char *path = state_path();

    if (path == NULL) {
        say_error("neither XDG_STATE_HOME nor HOME says where to keep records");
        return -ENOENT;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && state_make(path) == 0)
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return say_errno("%s", path);
    return fd;
}

static int state_write_all(int fd, const char *text, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, text, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        text += written;
        count -= (size_t)written;
    }
    return 0;
}

int state_write(int folder_fd, const char *name, const char *text)
{
    char temporary[NAME_MAX + 1];

    (void)snprintf(temporary, sizeof(temporary), "%s.new", name);
    AUTO_CLOSE int fd =
        openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || state_write_all(fd, text, strlen(text)) != 0 ||
        state_write_all(fd, "\n", 1) != 0 || fsync(fd) != 0 ||
        renameat(folder_fd, temporary, folder_fd, name) != 0 || fsync(folder_fd) != 0)
        return say_errno("cannot write the record of this upload (%s)", name);
    return 0;
}

int state_remove(int folder_fd, const char *name)
{
    if (unlinkat(folder_fd, name, 0) != 0)
        return errno == ENOENT ? 0
                               : say_errno("cannot remove the record of this upload (%s)", name);
    if (fsync(folder_fd) != 0)
        return say_errno("cannot remove the record of this upload (%s)", name);
    return 0;
}
