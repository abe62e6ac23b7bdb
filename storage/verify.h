#pragma once

/*
 * Verify: is every byte on the disk still the one that was received?
 *
 * Reads the file of every complete upload again and compares its digest with the catalog's; of one
 * without a digest, and of one that is not complete, only whether the file is long enough. Parts of final
 * uploads are such uploads, also when they are deleted and their bytes are kept; a final that has a
 * digest is read over its parts besides. Those that are known to be damaged are left out. Then it looks for
 * files that no upload owns.
 *
 *   Beside     with the server stopped it holds the directory's lock, so that none starts meanwhile.
 *              When somebody has the lock it reads beside him, in short transactions, and looks
 *              again before it accuses: an upload may have been deleted, its file may be gone or new.
 *              Uploads that are completed meanwhile are read, too, when they are as new as that.
 *   Writes     nothing. SQLite, as any reader of a log does, notes in ferry.db-shm which part of the
 *              log it reads; when nobody has the database open it makes that file anew from the log,
 *              and makes an empty ferry.db-wal when there is none. Database and log stay as they are.
 *   Units      bytes
 *   Errors     0 when it came to its end, whatever was found; -errno, said in the log: -ENOENT when
 *              this is no data directory, -EPROTO for the database of a newer Ferry, of an older one
 *              that has not been started since, or of another program
 *   Threads    any; blocks for as long as reading takes; the calls come on the same thread
 */

#include <stdbool.h>
#include <stdint.h>

enum verify_finding {
    VERIFY_DAMAGED, /* the bytes have another digest, or the disk cannot read them */
    VERIFY_MISSING, /* no file */
    VERIFY_SHORT,   /* fewer bytes than were acknowledged */
    VERIFY_ORPHAN,  /* a file without an upload */

    VERIFY_FINDINGS, /* how many there are */
};

struct verify_options {
    const char *directory;

    /* name: the file, below the directory; for the call only */
    void (*found)(void *argument, enum verify_finding finding, const char *name);

    /* Now and then; bytes in all may grow. NULL is fine. */
    void (*progress)(void *argument, uint64_t bytes, uint64_t bytes_in_all);
    void *argument;
};

struct verify_result {
    uint64_t uploads; /* that have files, whatever their state */
    uint64_t proven;  /* of these, whose bytes have the digest of the catalog */
    uint64_t bytes;   /* that were read */
    bool beside;      /* somebody had the directory open */
    uint64_t findings[VERIFY_FINDINGS];
};

int verify_run(const struct verify_options *options, struct verify_result *ret_result);
