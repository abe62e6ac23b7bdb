#pragma once

/*
 * Lookup: what the catalog knows about uploads, one short query each
 *
 *   Errors   0; REFUSED_UNKNOWN_UPLOAD; -errno, see storage/db.h
 *   Threads  calls block on the disk: from workers and the janitor
 */

#include <stddef.h>
#include <stdint.h>

#include "storage/db.h"
#include "storage/upload.h"

/* The info owns its metadata; a tombstone is found, too. */
int lookup_upload(struct db *db, const struct upload_id *id, struct upload_info *ret_info,
                  uint64_t *ret_number);

/* See upload_list(). Without metadata and tombstones. */
int lookup_page(struct db *db, struct upload_page *page);

struct lookup_entry {
    uint64_t number;
    struct upload_id id;
};

/* Unfinished uploads whose time has come, the longest overdue first; room at most. */
int lookup_expired(struct db *db, int64_t now, struct lookup_entry *entries, size_t room,
                   size_t *ret_count);

/* Tombstones behind a number, in the order of their numbers; room at most. */
int lookup_deleted(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                   size_t *ret_count);
