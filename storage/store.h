#pragma once

/*
 * Store: the uploads below one data directory
 *
 * One store owns the directory, the database, the threads and every bound. Uploads are made,
 * found and written through storage/upload.h.
 *
 *   Shape      DATA/ferry.db              the catalog, an SQLite database, see schema_1.sql and on
 *              DATA/files/<xx>/<id>       the bytes of one upload, nothing else
 *              DATA/lock                  held while a server uses the directory
 *   Errors     0 or -errno, said in the log in one line
 *   Ownership  store_claim() gives the caller the store, store_close() takes it back, NULL is fine
 *   Threads    those that open and close block, the close at most for as long as a syncfs of the whole file system
 *              that is under way: call them from the main thread.
 *              store_statistics() from any thread, at any time.
 *   Failures   a failed sync of the database or of a directory ends the process with one line
 *              (base/fail.h): nothing that it believes about the disk holds any longer
 *
 * Calling sequence:  store_claim  store_start  ... storage/upload.h ...  every upload closed  store_close
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/workers.h"
#include "storage/done.h"
#include "storage/observer.h"
#include "storage/upload.h"

struct store;

/* What stands as 0 takes the default in brackets, except where 0 is said to mean something. */
struct store_options {
    const char *directory; /* created when it is missing */

    /* bounds */
    uint32_t io_threads;     /* writing and reading [4] */
    uint32_t sync_threads;   /* waiting for the disk [16] */
    uint64_t buffer_bytes;   /* memory for bytes on their way to the page cache [64 MiB] */
    uint64_t dirty_bytes;    /* written but not yet synced, of all uploads [128 MiB] */
    uint32_t file_count;     /* upload files open at a time [512] */
    uint64_t min_free_bytes; /* no new uploads when the file system has less; 0: no floor */

    /* when an append is committed without being asked to */
    uint64_t commit_bytes;      /* that many uncommitted [16 MiB] */
    uint32_t commit_soon_ms;    /* after that long with at least commit_soon_bytes [1 s] */
    uint64_t commit_soon_bytes; /* [1 MiB] */
    uint32_t commit_late_ms;    /* after that long with anything at all [30 s] */
    uint32_t commit_together;   /* so many files, or who wait for it, at least by one syncfs [4] */
    uint32_t commit_together_ms; /* when that takes longer, they are synced apart [100 ms] */

    /* expiry */
    uint32_t expire_after_s; /* unfinished uploads, since their last byte; 0: never, not even those
                              * that an earlier start has given an end */
    uint32_t tombstone_s; /* how long it is remembered that an upload was there: REFUSED_GONE, later
                           * REFUSED_UNKNOWN_UPLOAD; 0: at once */
    uint32_t janitor_interval_s; /* between two rounds of the janitor [60] */

    /* Final uploads become one plain file each, in the background, and the bytes of their parts go. */
    bool materialise;

    /* the catalog */
    uint64_t wal_bytes; /* grown in advance, so that commits work on a full disk [16 MiB] */

    struct observer observer; /* who is told what happens to uploads; nobody when see is NULL */

    /* Tests drive time themselves: no timer thread and no janitor thread; see store_tick(). */
    bool manual;
};

/*
 * Who starts as root and becomes another user before store_claim() makes the directory: acting as that
 * user, and as root for that user where ret_there says that the first could not. -EPERM when it is there
 * and belongs to somebody else, -EACCES when that user could not reach it. Both block.
 */
int store_make_directory(const char *path, bool *ret_there);
int store_make_directory_for(const char *path, uid_t owner, gid_t group);

/*
 * Takes the directory, creating what is missing; starts no thread yet, so that a process may give up
 * rights for all of them in between. Blocks.
 *
 * -EBUSY when another server uses the directory, -ENOTSUP when it lies on a network file system.
 */
int store_claim(const struct store_options *options, struct store **ret_store);

/*
 * Opens the database and starts the threads. When it fails, store_close() is what is left to do. Blocks.
 *
 * -EPROTO when the database was made by a newer Ferry or by another program, -EUCLEAN when it is
 * corrupt.
 */
int store_start(struct store *store);

/* Both, for who has nothing to do in between. */
int store_open(const struct store_options *options, struct store **ret_store);

/*
 * Commits what every closed upload still holds, writes the database back and ends the threads.
 * Blocks until that has happened. All uploads must have been closed, all calls have been answered.
 */
void store_close(struct store *store);

/* What a manual store would do by itself as time goes by: deadlines, commits by age, free space. */
void store_tick(struct store *store);

/*
 * One round of the janitor, on the calling thread: 0 or -errno. Blocks. In a manual store everything that
 * finals have to do in the background comes first. In the first hour, or
 * expire_after_s when that is less, nothing expires: the clock may yet have to be set.
 */
int store_sweep(struct store *store);

struct store_statistics {
    uint64_t open_uploads; /* writers at this moment, with those whose last commit is under way */
    uint64_t open_files;   /* upload files open at this moment */
    uint64_t dirty_bytes;  /* written and not yet synced */
    uint64_t buffer_bytes; /* memory in use for bytes on their way */
    uint64_t free_bytes;   /* of the file system, as of the last tick */
    uint64_t synced_files; /* since the start, apart or together */
    uint64_t committed_groups;   /* transactions since the start */
    uint64_t committed_changes;  /* changes in them */
    uint64_t expired_uploads;    /* by the janitor since the start */
    uint64_t deleted_files;      /* by the janitor since the start */
    uint64_t damaged_uploads;    /* found or made since the start */
    uint64_t acknowledged_bytes; /* by which offsets have grown since the start */
    uint64_t created_uploads, completed_uploads; /* since the start */
    uint64_t deleted_uploads;                    /* by requests, since the start */
    uint64_t takeovers;                          /* writers who were ended by newer ones */
};

struct store_statistics store_statistics(struct store *store);

/* How long things take, since the start; times in nanoseconds. */
struct store_meters {
    struct histogram_reading sync;        /* fdatasync of one file, or a syncfs that is waited for */
    struct histogram_reading change_wait; /* of a change, until its transaction begins */
    struct histogram_reading transaction; /* with the sync of the database's log */
    struct histogram_reading batch;       /* changes in a transaction */
    struct workers_counts io, syncers;    /* the threads for the disk, and those that sync */
};

/* From any thread, at any time. */
void store_read_meters(struct store *store, struct store_meters *ret_meters);

/* What has to be read. */
struct store_figures {
    uint64_t uploads[UPLOAD_STATES];    /* as many have each enum upload_state */
    uint64_t free_bytes, total_bytes;   /* of the file system */
    uint64_t database_bytes, log_bytes; /* of the catalog's files */
    uint64_t free_page_bytes;           /* of the database, unused */
};

/* Answers through done, see storage/upload.h. */
int store_figures(struct store *store, struct store_figures *ret_figures, struct done done);

/*
 * Tries whether the disk takes bytes and the catalog makes transactions: an answer, 0 or -errno, that
 * does not come means no. REFUSED_NO_SPACE: they do, but the catalog has no room for new uploads. A
 * trial writes a byte that means nothing, and needs no space.
 */
int store_probe(struct store *store, struct done done);
