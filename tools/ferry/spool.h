#pragma once

/*
 * Spools: standard input, kept in memory until the server has acknowledged it
 *
 * A ring of fixed size. When it is full nothing more is read, so whoever writes into our standard
 * input waits, and the memory stays bounded however long the input is.
 *
 *          begin                       end                 begin + size
 *     ------|- - - acknowledged up to - -|- - - - room - - - - -|
 *
 * Invariant: begin <= end <= begin + size. Both only grow.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

/* 0 or -errno, and it is said. fd is borrowed. */
int spool_new(int fd, size_t size, struct spool **ret_spool);
void spool_free(struct spool *spool);

uint64_t spool_begin(const struct spool *spool);
uint64_t spool_end(const struct spool *spool);

/* True once the end of the input was seen. */
bool spool_length(const struct spool *spool, uint64_t *ret_length);

/* The descriptor to wait for, or -1: there is no room, or there will be nothing more. */
int spool_descriptor(const struct spool *spool);

/* Reads once what there is. 0 or -errno, and it is said. Waits when nothing is there. */
int spool_fill(struct spool *spool);

/*
 * Waits until there are so many bytes behind offset, or the end, or no room for more, or some bytes
 * and a second has passed, or it is time to stop (stop.h). 0 or -errno, and it is said.
 */
int spool_gather(struct spool *spool, uint64_t offset, uint64_t wanted);

/* Copies what is between begin and end; at most count bytes. */
size_t spool_read(const struct spool *spool, uint64_t offset, void *buffer, size_t count);

/* Gives up what is before offset. */
void spool_acknowledge(struct spool *spool, uint64_t offset);
