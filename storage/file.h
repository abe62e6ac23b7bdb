#pragma once

/*
 * File: the bytes of one upload
 *
 * A sparse file that is written from its start to its end, by one thread at a time, while another
 * one may sync it. Written bytes are sent to the disk at once and leave the page cache again, so
 * that a sync has little left to do and a large upload does not push everything else out.
 *
 *   Shape      DATA/files/<xx>/<id>; its size is what was written, blocks ahead of it are
 *              allocated in growing steps and freed when the upload goes idle
 *   Errors     0; REFUSED_NO_SPACE; -errno, said in the log
 *   Threads    calls block on the disk: from workers only; what takes a const file may run beside
 *              what writes
 *   Durable    a file is open from its first dirty byte until the sync that covers it, because
 *              the kernel reports a failed write-back to those who have the file open, and once
 *
 * Calling sequence:  file_open  { file_write }  file_sync  file_close  file_cut
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "storage/directory.h"

struct file {
    struct directory *directory; /* borrowed */
    struct upload_id id;
    int fd;             /* -1: not open */
    uint64_t opened_at; /* the size when it was opened */
    uint64_t allocated; /* blocks were asked for up to here; 0: none ahead of the bytes */
    uint64_t paced; /* where the kernel does not pace by itself: handed to the disk up to here */
};

void file_init(struct file *file, struct directory *directory, const struct upload_id *id);

/* Makes it when it is missing and offset is 0; otherwise a missing one is REFUSED_DAMAGED. */
int file_open(struct file *file, uint64_t offset);
void file_close(struct file *file);

/*
 * Compares the file with the offset that the catalog promises, before the first use after a start:
 * what is longer is cut, as nobody was promised more; what is shorter or missing is
 * REFUSED_DAMAGED. The file must not be open.
 */
int file_recover(struct file *file, uint64_t offset);

/*
 * Writes pieces at the offset. ret_written is set in any case: it is less than all when the disk
 * is full (REFUSED_NO_SPACE) or failed. limit is where the upload must end, UINT64_MAX if unknown.
 */
int file_write(struct file *file, const struct iovec pieces[2], uint64_t offset, uint64_t limit,
               size_t *ret_written);

/* Everything written before is on the disk. Never call it again after it failed. */
int file_sync(struct file *file);

/* The same after directory_sync_all(), which does not tell whose bytes were lost. */
int file_sync_outcome(struct file *file);

/*
 * A descriptor of the caller's own for reading, which needs no open file and leaves one alone. A
 * missing file is REFUSED_DAMAGED.
 */
int file_open_read(const struct file *file, int *ret_fd);

/* All of it or nothing; REFUSED_DAMAGED when the file ends before. */
int file_read(const struct file *file, int fd, uint64_t offset, uint8_t *memory, size_t count);

/* Cuts the file at offset, and frees the blocks behind it; it need not be open. */
int file_cut(struct file *file, uint64_t offset);
