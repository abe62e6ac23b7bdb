#pragma once

/*
 * What clients of tus 1.0.0 ask, and a plain PUT beside it, for servers that know no more
 *
 * An answer that is not the one the protocol has for success ends the program, and so does an offset that is not
 * the one after the bytes that were sent. What comes back has been acknowledged.
 *
 *   Waits      all
 *   Units      bytes; each adds the nanoseconds that it took to its operation's latencies
 */

#include <stdint.h>

#include "tools/ferry_bench/connection.h"

struct tus_path {
    char text[256];
};

/* Creates an upload of this length and sends its first bytes along; 0: none. */
void tus_create(struct connection *connection, uint64_t length, uint64_t bytes,
                struct tus_path *ret_path);

/* Sends so many bytes of an upload that has offset. */
void tus_append(struct connection *connection, const struct tus_path *path, uint64_t offset,
                uint64_t bytes);

/* The two halves of it, for who sends bytes slowly, by connection_content(), or never. */
void tus_append_begin(struct connection *connection, const struct tus_path *path, uint64_t offset,
                      uint64_t bytes);
void tus_append_end(struct connection *connection, uint64_t offset);

uint64_t tus_offset(struct connection *connection, const struct tus_path *path);

/* Puts a file at a path, and asks how long what lies there is. */
void plain_put(struct connection *connection, const struct tus_path *path, uint64_t bytes);
uint64_t plain_length(struct connection *connection, const struct tus_path *path);
