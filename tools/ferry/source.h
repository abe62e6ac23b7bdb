#pragma once

/*
 * Sources: where the bytes of an upload come from
 *
 * A file is read where it is needed and never twice. It must stay what it was when it was opened:
 * source_read() looks at size and modification time before it hands out bytes, so the last bytes of
 * a file that changed are never sent.
 *
 * Standard input goes through a spool (spool.h), which keeps what the server has not acknowledged.
 *
 *   Units      offsets and lengths in bytes
 *   Ownership  source_close() takes it back; NULL is fine
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What tells one version of a file from the next. */
struct identity {
    uint64_t size, inode;
    int64_t mtime_ns;
};

struct source {
    const char *given;   /* as the user wrote it, borrowed */
    char *name;          /* the same, clean for a terminal */
    char *path;          /* the real path; NULL for standard input */
    struct spool *spool; /* standard input; NULL for a file */
    int fd;
    struct identity identity;
    uint64_t begin, size; /* of what is sent, within the file: all of it, or a part */
    bool inode_stable;    /* not on FAT and FUSE, which make up a new number every time */
};

/* 0 or -errno, and it is said: not there, not readable, not a regular file. */
int source_open(const char *path, struct source **ret_source);

/* A part of an open file: its own source, with offsets of its own. */
int source_open_part(const struct source *whole, uint64_t begin, uint64_t size,
                     struct source **ret_source);

/* Nothing but zeros, for a trial: they take no memory. */
int source_open_zeros(uint64_t size, struct source **ret_source);

/* Standard input; what is read but not acknowledged takes so many bytes of memory at most. */
int source_open_input(size_t spool_bytes, struct source **ret_source);
void source_close(struct source *source);
static inline void source_closep(struct source **source)
{
    source_close(*source);
}

/* The identities are those of one version of a file. */
bool source_same(const struct source *source, const struct identity *identity);

/* The length, when it is known: of standard input, once its end was seen. */
bool source_length(const struct source *source, uint64_t *ret_length);

/* How many bytes from offset on can be read now, and no more than most. */
uint64_t source_available(const struct source *source, uint64_t offset, uint64_t most);

/*
 * Reads available bytes. The count of bytes, or a negative number, and it is said: the disk failed,
 * or the file is no longer what it was.
 */
ssize_t source_read(struct source *source, uint64_t offset, void *buffer, size_t count);

/* 0 while the file is what it was. */
int source_check(const struct source *source);

/* Before offset nothing will be asked for again. */
void source_acknowledge(struct source *source, uint64_t offset);

/* What may be asked for again reaches back to this offset: 0 for a file. */
uint64_t source_earliest(const struct source *source);
