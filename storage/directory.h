#pragma once

/*
 * The data directory: its lock, its 256 shards, the durability of their entries
 *
 *   Shape      DATA/lock, DATA/ferry.db, DATA/files/00 ... DATA/files/ff
 *   Errors     0 or -errno, said in the log
 *   Durable    after directory_open() the shards and their entries are on disk; after
 *              directory_sync_shard() every file that was made or unlinked in it before is, too
 *   Failures   a failed sync of a directory ends the process
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "storage/id.h"

enum {
    DIRECTORY_SHARDS = 256,
    DIRECTORY_PATH_BYTES = 2 + 1 + UPLOAD_ID_TEXT_BYTES, /* "xx/id" with the terminating zero */
};

/* Who may call directory_sync_all() at the same time as the others. */
enum directory_syncer {
    SYNCER_PATIENT,
    SYNCER_EAGER,
    DIRECTORY_SYNCERS,
};

struct directory {
    char *path; /* absolute */
    int root_fd, files_fd, lock_fd;
    int sync_fds[DIRECTORY_SYNCERS]; /* of files/, too: the kernel tells an error once for each */
    atomic_bool uncached; /* RWF_DONTCACHE has not been refused yet */
    bool together;        /* directory_sync_all() promises what it says on this file system */
};

#define DIRECTORY_CLOSED                                                                          \
    ((struct directory){ .root_fd = -1, .files_fd = -1, .lock_fd = -1, .sync_fds = { -1, -1 } })

struct directory_path {
    char text[DIRECTORY_PATH_BYTES];
};

/*
 * For a server that starts as root, and first acts as the user that it becomes: makes the directory, or
 * finds one that is that user's with all that a server has made in it. ret_there is false, and nothing has
 * changed, where that user may not make it but could reach it. Its name is durable after directory_open().
 */
int directory_make_own(const char *path, bool *ret_there);

/* Then root makes it, alone for its owner. -EPERM when something else has come in its place meanwhile. */
int directory_make_for(const char *path, uid_t owner, gid_t group);

/* Makes what is missing and takes the lock; -EBUSY, -ENOTSUP as store_open() says. */
int directory_open(const char *path, struct directory *ret_directory);
void directory_close(struct directory *directory);

/*
 * For who only reads: makes nothing. Takes the lock when nobody has it; ret_beside says that
 * somebody has. -ENOENT when this is no data directory.
 */
int directory_open_reading(const char *path, struct directory *ret_directory, bool *ret_beside);

/* The file of an upload, below files_fd. By value, so that it can stand in a call. */
struct directory_path directory_path(const struct upload_id *id);

/*
 * All that was written to any file, made or unlinked before, where together is set. Blocks, for as long as
 * anybody's dirty bytes on the file system take. Whether a file has lost bytes is told by file_sync_outcome() alone.
 * 0 or -errno, said in the log: then some of it may not be on the disk, and no later sync need tell that again.
 * syncer: each for one thread at a time.
 */
int directory_sync_all(struct directory *directory, enum directory_syncer syncer);

/* Of the upload with this id. Blocks. A failure means that the sync was not begun. */
int directory_sync_shard(struct directory *directory, const struct upload_id *id);

/* The names in DATA itself. Blocks. */
void directory_sync_root(struct directory *directory);

/* What is left of the file system, and how large it is. Blocks. */
int directory_space(const struct directory *directory, uint64_t *ret_free_bytes,
                    uint64_t *ret_total_bytes);

/* Whether the disk takes bytes: writes one, where there is room for it, and syncs it. Blocks. */
int directory_probe(const struct directory *directory);

/* The size of a file in DATA; 0 when there is none. Blocks. */
uint64_t directory_file_bytes(const struct directory *directory, const char *name);
