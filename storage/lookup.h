#pragma once

/*
 * Lookup: what the catalog knows about uploads, one short query each
 *
 *   Errors   0; REFUSED_UNKNOWN_UPLOAD; REFUSED_GONE; -errno, see storage/db.h
 *   Threads  calls block on the disk: from workers and the janitor
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"
#include "storage/db.h"
#include "storage/upload.h"

struct lookup {
    struct upload_info info; /* owns its metadata and response; nothing is known of writing */
    uint64_t number;
    struct digest_checkpoint
        checkpoint; /* its bytes: where they lead is said by digest_restore() */
};

/* Refuses with REFUSED_GONE when it was deleted or has expired, whether or not its row remains. */
int lookup_upload(struct db *db, const struct upload_id *id, struct lookup *ret_lookup);

/* The same by its number, and without a response; what is deleted is unknown. */
int lookup_number(struct db *db, uint64_t number, struct upload_info *ret_info);

/*
 * The keys of all that are created before, newest first, one lookup_next_key() after the other, until
 * statement_end(). Those that are active stand among those that are stalled.
 */
struct statement *lookup_keys(struct db *db, enum upload_wanted wanted,
                              const struct upload_cursor *before);
bool lookup_next_key(struct statement *keys, struct upload_cursor *ret_key);

/* How many uploads have each state. */
int lookup_tally(struct db *db, uint64_t ret_uploads[static UPLOAD_STATES]);

struct lookup_entry {
    uint64_t number;
    struct upload_id id;

    /* of lookup_expired() */
    enum upload_kind kind;
    bool length_known;
    uint64_t length, offset;
};

/* Those whose time has come and that no final needs, longest overdue first; room at most. */
int lookup_expired(struct db *db, int64_t now, struct lookup_entry *entries, size_t room,
                   size_t *ret_count);

/*
 * Deleted ones, whose file has to go yet and that no final needs, behind a number, in the order of their
 * numbers; room at most.
 */
int lookup_deleted(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                   size_t *ret_count);

/* The same of finals whose digest has to be proven, of those that lie in their parts, and of parts whose
 * file is needed no more. */
int lookup_verifying(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                     size_t *ret_count);
int lookup_joined(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                  size_t *ret_count);
int lookup_freed(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                 size_t *ret_count);

/* How many bytes of a final are in a file of its own, while it is made. */
int lookup_copied(struct db *db, uint64_t final, uint64_t *ret_copied);

/* See upload_parts(). */
int lookup_parts(struct db *db, uint64_t final, struct upload_part_info **ret_parts,
                 size_t *ret_count);

/* What the file of an upload has to hold. */
struct lookup_content {
    uint64_t number;
    struct upload_id id;
    bool filed;                 /* not so: it is a final whose bytes lie in the files of its parts */
    uint64_t length;            /* of what is on record as being there */
    struct digest_value digest; /* of all that; none when that is not known */
};

/*
 * Of those behind a number that are not damaged, not deleted unless a final needs them as a part, and not
 * freed on purpose, in the order of their numbers.
 */
int lookup_contents(struct db *db, uint64_t after, struct lookup_content *contents, size_t room,
                    size_t *ret_count);

/* Whether it still is one of these, and its bytes lie where they did. */
int lookup_content_stays(struct db *db, const struct upload_id *id, bool filed, bool *ret_stays);

/* Whether an upload, in whatever state, has this id: a tombstone does not count. */
int lookup_row_exists(struct db *db, const struct upload_id *id, bool *ret_exists);
