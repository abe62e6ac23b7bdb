#include "tools/ferry_bench/target.h"

#include <assert.h>
#include <err.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"

static const char scheme[] = "http://";

/* "127.0.0.1:1080", "[::1]:1080", "uploads.example" */
static void target_resolve(struct target *target)
{
    AUTO_FREE char *host = strdup(target->authority);
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;

    if (host == NULL)
        err(1, "memory");
    char *port = strrchr(host, ':');
    if (port != NULL && strchr(port, ']') == NULL)
        *port++ = '\0';
    else
        port = NULL;
    uint64_t number;
    if (port != NULL && (!number_parse(bytes_of_text(port), UINT16_MAX, &number) || number == 0))
        errx(2, "no port: '%s'", port); /* getaddrinfo() takes 65537 for 1 */
    char *name = host;
    if (*name == '[') {
        name++;
        name[strcspn(name, "]")] = '\0';
    }
    int r = getaddrinfo(name, port == NULL ? "80" : port, &hints, &found);
    if (r != 0)
        errx(1, "%s: %s", target->authority, gai_strerror(r));
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->address_bytes = found->ai_addrlen;
    freeaddrinfo(found);
}

static void target_split(struct target *target, const char *url)
{
    if (strncmp(url, scheme, strlen(scheme)) != 0)
        errx(2, "not an http:// URL: %s", url);
    const char *authority = url + strlen(scheme);
    size_t count = strcspn(authority, "/");
    const char *path = authority + count;
    const char *slash = *path != '\0' && path[strlen(path) - 1] == '/' ? "" : "/";

    target->authority = strndup(authority, count);
    if (target->authority == NULL || asprintf(&target->path, "%s%s", path, slash) < 0)
        err(1, "memory");
    if (count == 0 || strcspn(url, " \r\n") != strlen(url))
        errx(2, "not a URL: %s", url);
}

/* What stands at the beginning stands once more behind the end, so that any piece lies in one. */
static void target_fill(struct target *target)
{
    const size_t bytes = TARGET_PERIOD_BYTES + TARGET_AT_ONCE_BYTES;
    uint64_t state = 88172645463325252;

    target->content_fd = memfd_create("content", MFD_CLOEXEC);
    if (target->content_fd < 0 || ftruncate(target->content_fd, (off_t)bytes) < 0)
        err(1, "memory for what is sent");
    uint64_t *words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, target->content_fd, 0);
    if (words == MAP_FAILED)
        err(1, "memory for what is sent");
    for (size_t i = 0; i < TARGET_PERIOD_BYTES / sizeof(*words); i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[i] = state;
    }
    memcpy(words + TARGET_PERIOD_BYTES / sizeof(*words), words, TARGET_AT_ONCE_BYTES);
    target->content = (const uint8_t *)words;
}

void target_open(const char *url, struct target *ret_target)
{
    *ret_target = (struct target){ 0 };
    target_split(ret_target, url);
    target_resolve(ret_target);
    target_fill(ret_target);
}

void target_close(struct target *target)
{
    (void)munmap((void *)(uintptr_t)target->content, TARGET_PERIOD_BYTES + TARGET_AT_ONCE_BYTES);
    (void)close(target->content_fd);
    free(target->authority);
    free(target->path);
}

struct bytes target_content(const struct target *target, uint64_t position, size_t count)
{
    assert(count <= TARGET_AT_ONCE_BYTES);
    return bytes_of(target->content + position % TARGET_PERIOD_BYTES, count);
}

struct bytes target_path_of(const struct target *target, struct bytes location)
{
    size_t before = strlen(scheme), authority = strlen(target->authority);

    if (location.count > 0 && location.data[0] == '/' &&
        !(location.count > 1 && location.data[1] == '/'))
        return location;
    if (bytes_start_with(location, scheme) &&
        bytes_start_with(bytes_after(location, before), target->authority) &&
        location.count > before + authority && location.data[before + authority] == '/')
        return bytes_after(location, before + authority);
    errx(1, "the server has created an upload elsewhere: %.*s", BYTES_ARGUMENT(location));
}
