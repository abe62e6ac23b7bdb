#pragma once

/*
 * Listening sockets
 *
 *   Shape      "ADDR:PORT" (127.0.0.1:1080, [::1]:1080, localhost:0; port 0 picks a free one) or
 *              "unix:PATH". An IPv6 address listens for IPv6 alone: name both to serve both.
 *   Errors     0, or -errno after one clear line
 *   Ownership  listener_open() gives the caller a listener, listener_close() takes it back and
 *              removes the unix socket's file; a zeroed listener is fine
 *   Degrades   the file that a killed server has left is replaced where there is /proc, and is in use where not
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct listener {
    bool open;
    int fd;         /* non-blocking */
    char *file;     /* of a unix socket, otherwise NULL */
    char name[128]; /* "http://127.0.0.1:1080" or "unix:PATH", for people */
};

int listener_open(const char *where, struct listener *ret_listener);

/* The same; the file of a unix socket has the mode 0600. Sets the umask for a moment: before there are threads. */
int listener_open_private(const char *where, struct listener *ret_listener);
void listener_close(struct listener *listener);

/* All of them, or none. */
int listeners_open(const char *const *where, size_t count, struct listener *ret_listeners);

/* Unix sockets among them become somebody else's; -EPERM where another file has come in the place of one. */
int listeners_give(const struct listener *listeners, size_t count, uid_t owner, gid_t group);
void listeners_close(struct listener *listeners, size_t count);
