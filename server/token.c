#define LOG_MODULE "token"
#include "server/token.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "protocol/bearer.h"

enum {
    RANDOM_BYTES = 32,
};

/* Whether nobody can know what is in it but who runs the server, and those whom root lets know. */
static int token_guard(int fd, const char *path)
{
    struct stat about;

    if (fstat(fd, &about) != 0)
        return fail_errno("look at the token in %s", path);
    if (!S_ISREG(about.st_mode))
        return fail_code(EINVAL, "the token in %s: it is no regular file", path);
    if (about.st_uid != geteuid() && about.st_uid != 0)
        return fail_code(EPERM,
                         "the token in %s: the file belongs to user %u, neither to us nor to root",
                         path, about.st_uid);

    mode_t others = about.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if ((about.st_mode & others) != 0)
        return fail_code(EPERM, "the token in %s: others can get at it, its mode is %04o, not %s",
                         path, about.st_mode & 07777, about.st_uid == 0 ? "0640 or 0600" : "0600");
    return 0;
}

static bool token_is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* The file's beginning: a longer one holds no token. */
static int token_load(int fd, const char *path, char **ret_token)
{
    char text[BEARER_TOKEN_MAX + 64];

    ssize_t count = read(fd, text, sizeof(text));
    if (count < 0)
        return fail_errno("read the token in %s", path);
    while (count > 0 && token_is_blank(text[count - 1]))
        count--;
    if (count == 0)
        return fail_code(EINVAL, "the token in %s: the file is empty", path);
    if (!bearer_token_valid(bytes_of(text, (size_t)count)))
        return fail_code(
            EINVAL, "the token in %s: %d to %d letters, digits and -._~+/ are wanted, on one line",
            path, BEARER_TOKEN_MIN, BEARER_TOKEN_MAX);

    char *token = strndup(text, (size_t)count);
    if (token == NULL)
        return fail_errno("memory for a token");
    *ret_token = token;
    return 0;
}

/* Without waiting for who writes to a pipe. */
int token_read(const char *path, char **ret_token)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fail_errno("open the token in %s", path);
    int r = token_guard(fd, path);
    return r == 0 ? token_load(fd, path, ret_token) : r;
}

static int token_write(int fd, const char *path)
{
    uint8_t random[RANDOM_BYTES];
    char line[2 * RANDOM_BYTES + 2];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return fail_errno("make a token");
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(&line[2 * i], 3, "%02x", random[i]);
    line[sizeof(line) - 2] = '\n';

    ssize_t count = write(fd, line, sizeof(line) - 1);
    if (count != (ssize_t)sizeof(line) - 1)
        return fail_code(count < 0 ? errno : ENOSPC, "write the token to %s", path);
    return fsync(fd) == 0 ? 0 : fail_errno("write the token to %s", path);
}

/* Under another name first: what has the right one is whole. */
static int token_make(const char *path)
{
    AUTO_FREE char *made = NULL;

    if (asprintf(&made, "%s.new", path) < 0) {
        made = NULL;
        return fail_code(ENOMEM, "memory for a token");
    }
    (void)unlink(made);
    AUTO_CLOSE int fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return fail_errno("make %s", made);
    int r = token_write(fd, made);
    if (r == 0 && rename(made, path) != 0)
        r = fail_errno("make %s", path);
    if (r != 0)
        (void)unlink(made);
    return r;
}

int token_read_or_make(const char *path, char **ret_token)
{
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        int r = token_make(path);
        if (r != 0)
            return r;
    }
    return token_read(path, ret_token);
}
