#pragma once

/*
 * Marks: what the driver has acknowledged, on the tape and in a ledger of its own
 *
 *   Errors    end the program
 *   Threads   any; the tape and the ledger agree about the order
 */

#include <stddef.h>
#include <stdint.h>

#include "tests/crash/ledger.h"

/*
 * The file to append to; what is in it already was marked by earlier runs. After kill_after more
 * marks the process kills itself, 0: never.
 */
void marks_open(const char *path, uint64_t kill_after);

/* "offset 5 17" becomes the line "offset ID 5 17". */
__attribute__((format(printf, 2, 3))) void mark(const struct upload_id *id, const char *format,
                                                ...);

/* "time NOW", if that many marks have been made since the last one. */
bool mark_time(int64_t now, uint64_t marks_since);

/*
 * From now on a mark stands before the first sync of a directory after files were unlinked: an
 * unlink is lost by cuts at that moment only, and by chance few points of a tape are there.
 */
void marks_of_unlinks(void);

/* What the ledger says of an upload at this moment. */
struct entry marks_remember(const struct upload_id *id);

/* ledger_objection() to an entry as it was remembered. */
const char *marks_objection(const struct entry *entry, int r, const struct upload_info *info);

/* Some uploads that were not deleted, parts aside, which their makers alone write to; how many is the result. */
size_t marks_alive(struct upload_id *ids, size_t room);

int64_t marks_now(void);
uint64_t marks_count(void);
