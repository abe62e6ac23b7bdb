#define LOG_MODULE "listener"
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/number.h"

static void address_freep(struct addrinfo **address)
{
    if (*address != NULL)
        freeaddrinfo(*address);
}

/* Binds and listens; fd is closed by the caller when that fails. */
static int listener_bind(int fd, const struct sockaddr *address, socklen_t count, const char *where)
{
    if (bind(fd, address, count) != 0 || listen(fd, SOMAXCONN) != 0)
        return fail_errno("listen on %s", where);
    return 0;
}

/* The same, for a file that nobody but its owner can connect to: it is made with its mode, as by its name
 * that of another could be changed that has come in its place. */
static int listener_bind_private(int fd, const struct sockaddr_un *address, const char *where)
{
    mode_t before = umask(S_IXUSR | S_IRWXG | S_IRWXO);
    int r = listener_bind(fd, (const struct sockaddr *)address, sizeof(*address), where);

    (void)umask(before);
    return r;
}

/* Nobody listens on the socket that has this name in a folder. It is asked for through the folder's descriptor;
 * who listens, and has too many who wait, is not waited for. */
static bool socket_abandoned(int folder_fd, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat status;

    if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    int count = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
                         folder_fd, name);
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && count < (int)sizeof(address.sun_path) &&
           connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 &&
           errno == ECONNREFUSED;
}

/* A socket file without a server behind it was left by one that was killed. It is looked at and removed in one folder,
 * whatever its path leads to meanwhile. */
static void socket_remove_abandoned(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    AUTO_FREE char *folder = NULL;

    if (asprintf(&folder, "%.*s.", (int)(name - path), path) < 0) {
        folder = NULL;
        return; /* then its path is in use */
    }
    AUTO_CLOSE int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && socket_abandoned(fd, name))
        (void)unlinkat(fd, name, 0);
}

static int listener_open_unix(const char *where, bool private, struct listener *ret_listener)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = where + strlen("unix:");

    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
        return fail_code(EINVAL, "listen on %s: a path of 1 to %zu bytes", where,
                         sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);

    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno("listen on %s", where);
    socket_remove_abandoned(path);

    int r = private ? listener_bind_private(fd, &address, where)
                    : listener_bind(fd, (const struct sockaddr *)&address, sizeof(address), where);
    if (r != 0)
        return r;

    struct listener listener = { .open = true, .file = strdup(path) };
    if (listener.file == NULL) {
        (void)unlink(path);
        return fail_code(ENOMEM, "listen on %s", where);
    }
    listener.fd = TAKE_FD(fd);
    (void)snprintf(listener.name, sizeof(listener.name), "%s", where);
    *ret_listener = listener;
    return 0;
}

/* What the socket is really bound to: the port may have been 0. */
static void listener_tell_name(struct listener *listener)
{
    struct sockaddr_storage address = { 0 };
    socklen_t count = sizeof(address);
    char host[NI_MAXHOST] = "?";
    char port[NI_MAXSERV] = "?";

    (void)getsockname(listener->fd, (struct sockaddr *)&address, &count);
    (void)getnameinfo((struct sockaddr *)&address, count, host, sizeof(host), port, sizeof(port),
                      NI_NUMERICHOST | NI_NUMERICSERV);
    bool brackets = address.ss_family == AF_INET6;
    (void)snprintf(listener->name, sizeof(listener->name), "http://%s%.100s%s:%.8s",
                   brackets ? "[" : "", host, brackets ? "]" : "", port);
}

/* Takes "HOST:PORT" and "[HOST]:PORT" apart, in place. */
static bool host_and_port(char *where, char **ret_host, char **ret_port)
{
    char *colon = strrchr(where, ':');
    if (colon == NULL || colon == where || colon[1] == '\0')
        return false;

    *colon = '\0';
    *ret_host = where;
    *ret_port = colon + 1;
    if (where[0] == '[') {
        if (colon[-1] != ']')
            return false;
        colon[-1] = '\0';
        *ret_host = where + 1;
    }

    /* getaddrinfo() takes 70000 for 4464 */
    uint64_t number = 0;
    return number_parse(bytes_of_text(*ret_port), UINT16_MAX, &number) &&
           (strchr(where, ':') == NULL || where[0] == '[');
}

static int listener_open_internet(const char *where, struct listener *ret_listener)
{
    static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                                           .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    CLEANUP(address_freep) struct addrinfo *address = NULL;
    char copy[NI_MAXHOST];
    char *host, *port;
    int on = 1;

    int count = snprintf(copy, sizeof(copy), "%s", where);
    if (count < 0 || (size_t)count >= sizeof(copy) || !host_and_port(copy, &host, &port))
        return fail_code(EINVAL, "listen on %s: ADDR:PORT, [ADDR]:PORT or unix:PATH", where);
    int code = getaddrinfo(host, port, &hints, &address);
    if (code != 0)
        return fail_code(EINVAL, "listen on %s: %s", where, gai_strerror(code));

    AUTO_CLOSE int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno("listen on %s", where);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));

    int r = listener_bind(fd, address->ai_addr, address->ai_addrlen, where);
    if (r != 0)
        return r;

    *ret_listener = (struct listener){ .open = true, .fd = TAKE_FD(fd) };
    listener_tell_name(ret_listener);
    return 0;
}

static bool listener_is_unix(const char *where)
{
    return strncmp(where, "unix:", 5) == 0;
}

int listener_open(const char *where, struct listener *ret_listener)
{
    return listener_is_unix(where) ? listener_open_unix(where, false, ret_listener)
                                   : listener_open_internet(where, ret_listener);
}

int listener_open_private(const char *where, struct listener *ret_listener)
{
    return listener_is_unix(where) ? listener_open_unix(where, true, ret_listener)
                                   : listener_open_internet(where, ret_listener);
}

void listener_close(struct listener *listener)
{
    if (!listener->open)
        return;

    (void)close(listener->fd);
    if (listener->file != NULL)
        (void)unlink(listener->file);
    free(listener->file);
    *listener = (struct listener){ 0 };
}

int listeners_open(const char *const *where, size_t count, struct listener *ret_listeners)
{
    for (size_t i = 0; i < count; i++) {
        int r = listener_open(where[i], &ret_listeners[i]);
        if (r != 0) {
            listeners_close(ret_listeners, i);
            return r;
        }
    }
    return 0;
}

/* Where others may write to its folder, another file could have come in the socket's place, or a second name
 * of one: what is looked at is what is given away, whatever has its name by then. */
static int listener_give(const struct listener *listener, uid_t owner, gid_t group)
{
    struct stat status;

    AUTO_CLOSE int fd = open(listener->file, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return fail_errno("give %s away", listener->file);
    if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid() || status.st_nlink != 1)
        return fail_code(EPERM, "give %s away: it is not the socket that was made", listener->file);
    return fchownat(fd, "", owner, group, AT_EMPTY_PATH) == 0
               ? 0
               : fail_errno("give %s away", listener->file);
}

int listeners_give(const struct listener *listeners, size_t count, uid_t owner, gid_t group)
{
    for (size_t i = 0; i < count; i++) {
        int r = listeners[i].file != NULL ? listener_give(&listeners[i], owner, group) : 0;
        if (r != 0)
            return r;
    }
    return 0;
}

void listeners_close(struct listener *listeners, size_t count)
{
    for (size_t i = 0; i < count; i++)
        listener_close(&listeners[i]);
}
