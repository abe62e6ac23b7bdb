#pragma once

/*
 * Content: the bytes of a complete upload, wherever they lie
 *
 * The file of an upload, or the files of the parts that a final one is made of: who reads sees one row
 * of bytes. upload_read() makes one (storage/upload.h).
 *
 *   Units      offset and length in bytes
 *   Errors     -errno, which nobody has logged yet: the reader knows for whom it read
 *   Ownership  the content is the caller's, content_close() takes it back, NULL is fine; to be closed
 *              before the store
 *   Threads    any, one call at a time per content. content_read() without now waits for a disk, and
 *              content_close() can take its time where it has the last descriptor of a deleted file
 *   Lives      stays readable while its upload is deleted, expires or becomes one file: the files go
 *              when it is closed
 *   Bounds     one descriptor at a time, and as many bytes of memory as the upload has parts, times 32
 *   Source     preadv2(2), RWF_NOWAIT
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct content;

/*
 * Of one file, whose descriptor it takes; -1 where there is nothing to read. NULL, said in the log, and the
 * descriptor closed when there is no memory.
 */
struct content *content_new(int fd, uint64_t length);

void content_close(struct content *content);
void content_closep(struct content **content);

uint64_t content_length(const struct content *content);

/*
 * Reads as pread() does: at least one byte and often fewer than fit, 0 at the end; 0 before it, too, when a
 * file has become shorter.
 *
 * now: never waits for a disk, as for loop threads; -EAGAIN when the bytes are not in the page cache or the
 * file that has them is not open yet. Otherwise it opens that file, has the disk bring some bytes more
 * than were asked for, and blocks.
 */
ssize_t content_read(struct content *content, void *memory, size_t count, uint64_t offset,
                     bool now);
