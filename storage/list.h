#pragma once

/*
 * List: a page of uploads, see upload_list()
 *
 * First the keys of uploads in their order, from the catalog or, of those that somebody writes to, from
 * memory; then the row of each, as long as there is room.
 *
 *   Bounds   LIST_ROWS rows are looked at for one page, whatever of them is wanted, and it grows no further
 *            than LIST_BYTES of metadata
 *   Errors   0 or -errno; nothing is left in the page when it fails
 *   Threads  calls block on the disk
 */

#include "storage/upload.h"

enum {
    LIST_ROWS = 2000,
    LIST_BYTES = 4 * 1024 * 1024
};

int list_page(struct store *store, struct upload_page *page);
