#pragma once

/*
 * Where the load goes, and what it is made of
 *
 * All uploads have the same content: at every position the byte that stands there in an endless repetition of
 * 4 MiB of noise. So nothing is copied to send it, and who wants to check a stored file can.
 *
 *   Errors     the program ends with a sentence
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"

enum {
    TARGET_PERIOD_BYTES = 4 * 1024 * 1024,
    TARGET_AT_ONCE_BYTES = 64 * 1024, /* that lie in one piece at any position */
};

struct target {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    char *authority, *path; /* the path ends with a slash */
    int content_fd;
    const uint8_t *content;
};

/* http://HOST[:PORT]/PATH; host names are looked up. */
void target_open(const char *url, struct target *ret_target);
void target_close(struct target *target);

/* At most TARGET_AT_ONCE_BYTES of the content. */
struct bytes target_content(const struct target *target, uint64_t position, size_t count);

/* The path of a Location that the target has answered with. */
struct bytes target_path_of(const struct target *target, struct bytes location);
