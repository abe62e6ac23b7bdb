#pragma once

/*
 * Change: one thing that happens to one upload in the catalog
 *
 * Each is a part of a transaction that the catalog's thread makes of all changes that wait. A
 * change that does not apply any more (the upload is deleted or damaged meanwhile) is refused by
 * REFUSED_GONE and changes nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "storage/db.h"
#include "storage/done.h"
#include "storage/upload.h"

enum change_kind {
    CHANGE_CREATE,   /* info, metadata */
    CHANGE_COMMIT,   /* offset, and expires when expires_changed */
    CHANGE_COMPLETE, /* offset, which becomes the length */
    CHANGE_LENGTH,   /* length */
    CHANGE_STATE,    /* state: invalidated or damaged */
    CHANGE_DELETE,   /* the tombstone */
    CHANGE_EXPIRE,   /* the tombstone, when it is still unfinished and expired at time now */
    CHANGE_PURGE,    /* the row of a tombstone goes */
};

struct change {
    enum change_kind kind;
    uint64_t number; /* of the upload; all but CHANGE_CREATE */

    struct upload_info info; /* its metadata is borrowed until done */
    uint64_t offset, length;
    bool expires_changed;
    int64_t expires, now;
    enum upload_state state;

    struct done done; /* called on the catalog's thread */

    /* the catalog's */
    int result;
    struct change *next;
};

/* Within a transaction: 0, REFUSED_GONE, or a failure after which the transaction must end. */
int change_apply(struct db *db, const struct change *change);
