#pragma once

/*
 * Join: what final uploads are in the catalog
 *
 * Within a transaction, like storage/change.h, of which these are parts: what makes a final, what happens
 * to finals when something happens to a part, and where their bytes go.
 *
 *   Errors   0; a refusal, and nothing is changed; -errno, and the transaction must end
 *   Bounds   what happens to a part that is not complete reaches UPLOAD_PART_FINALS finals at most
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"
#include "storage/db.h"
#include "storage/observer.h"
#include "storage/upload.h"

/* What a final is to be made of; borrowed by the change that makes it. */
struct join {
    const struct upload_id *ids;
    size_t count;
    struct bytes words;
    uint64_t max_length;
    struct digest_value fingerprint;

    /* found by the change: room for count numbers each */
    uint64_t *numbers;    /* of the parts, in their order */
    uint64_t *unfinished; /* of those that are not complete */

    uint64_t missing, unknown, known_bytes; /* see schema_3.sql */
};

/* A final with the same fingerprint that can still be used. */
int join_find(struct db *db, const struct digest_value *fingerprint, bool *ret_found,
              struct upload_id *ret_id);

/* Finds the parts: see upload_concatenate() for the refusals. */
int join_resolve(struct db *db, struct join *join);

/* Right after the final's row in upload was inserted. info: with the stated digest, if any. */
int join_insert(struct db *db, const struct join *join, const struct upload_info *info);

/* Finals that wait no longer, or are damaged, by what has happened to a part: as they are now. */
struct join_ends {
    struct observation *finals;
    size_t count, room;
};

/* Frees what they own; zeroed ones are fine. */
void join_ends_done(struct join_ends *ends);

/* A part has got its length, is complete, or never will be. expires: of finals that end by it. */
int join_part_length(struct db *db, uint64_t part, uint64_t length, int64_t expires,
                     struct join_ends *ends);
int join_part_complete(struct db *db, uint64_t part, struct join_ends *ends);
int join_part_lost(struct db *db, uint64_t part, int64_t expires, struct join_ends *ends);

/* The disk has lost bytes of a part that was complete. */
int join_part_damaged(struct db *db, uint64_t part, int64_t expires, struct join_ends *ends);

/* The row of an upload goes: nothing is a part of it, nor it of anything. */
int join_purge(struct db *db, uint64_t number);

/* A verifying final has this digest: it is complete, or damaged until it expires. */
int join_prove(struct db *db, uint64_t final, const struct digest_value *digest, int64_t expires,
               bool *ret_proven);

/* So many bytes of a final are in a file of its own; all of them, and parts are needed no more. */
int join_copied(struct db *db, uint64_t final, uint64_t copied);
int join_filed(struct db *db, uint64_t final);

/* The file of a part whose bytes were needed no more has gone. */
int join_freed(struct db *db, uint64_t part);
