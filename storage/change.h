#pragma once

/*
 * Change: one thing that happens to one upload in the catalog
 *
 * Each is a part of a transaction that the catalog's thread makes of all changes that wait. A
 * change that does not apply any more (the upload is deleted or damaged meanwhile, there is nothing
 * to forget) is refused by REFUSED_GONE and changes nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "digest/digest.h"
#include "storage/db.h"
#include "storage/done.h"
#include "storage/join.h"
#include "storage/observer.h"
#include "storage/repeat.h"
#include "storage/upload.h"

enum change_kind {
    CHANGE_CREATE,       /* info, with metadata and the stated digest; repeat */
    CHANGE_JOIN,         /* the same of a final, made of join */
    CHANGE_COMMIT,       /* offset, appended, checkpoint, and expires when expires_changed */
    CHANGE_COMPLETE,     /* offset, which becomes the length; appended, digest, response, expires */
    CHANGE_MISMATCH,     /* offset, which becomes the length; appended, digest, expires: damaged */
    CHANGE_LENGTH,       /* length */
    CHANGE_STATE,        /* state: invalidated or damaged; expires, of one that would never */
    CHANGE_DELETE,       /* the row says that it is gone */
    CHANGE_EXPIRE,       /* the same, when it is still unfinished and expired at time now */
    CHANGE_EXPIRE_EARLY, /* the same at any time, when it is unfinished */
    CHANGE_PURGE,        /* such a row goes; its id becomes a tombstone when until is not 0 */
    CHANGE_FORGET, /* tombstones and keys that are over at time now, some of them; of no upload */
    CHANGE_PROBE,  /* nothing, of no upload: whether one could be created */
    CHANGE_PROVE,  /* digest: a final that is verifying has it */
    CHANGE_COPIED, /* offset: so many bytes of a final are in a file of its own */
    CHANGE_FILED,  /* all of them are, and what only this final needed of its parts goes */
    CHANGE_FREED,  /* that has gone of this part */
};

struct change {
    enum change_kind kind;
    uint64_t number; /* of the upload, where it is of one that is there */

    struct upload_info info;  /* its metadata is borrowed until done */
    struct observation about; /* of the others: the upload as it was, for the observer */
    uint64_t offset, length;
    int64_t appended;                    /* now; counts when the offset grows by this change */
    struct digest_checkpoint checkpoint; /* of the running digest, at or before offset */
    struct digest_value digest;          /* of the whole */
    struct bytes response;               /* borrowed until done */
    bool expires_changed;
    int64_t expires;       /* 0: never */
    int64_t finals_expire; /* finals that end by what happens to this part; 0: never */
    int64_t now, until;
    struct repeat repeat;
    bool only_repeats; /* nothing new is made by CREATE, JOIN, PROBE: REFUSED_NO_SPACE */
    struct join *join;
    enum upload_state state;

    /* Of CHANGE_CREATE and CHANGE_JOIN: the upload that is the answer, and whether it was there. */
    struct upload_id answer;
    bool repeated;
    bool proven; /* of CHANGE_PROVE */

    struct join_ends ends; /* what has become of finals by it; the catalog frees it */

    struct done done; /* called on the catalog's thread */

    /* the catalog's */
    uint64_t submitted_ns;
    int result;
    struct change *next;
};

/* Within a transaction: 0, REFUSED_GONE, or a failure after which the transaction must end. */
int change_apply(struct db *db, struct change *change);
