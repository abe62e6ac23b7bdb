#pragma once

/*
 * Observer: who is told what happens to uploads
 *
 * A store has one at most (store_options.observer). It is told of every change of an upload after its
 * transaction is on the disk, in the order of transactions and before whoever asked for the change gets
 * the answer; and that bytes have come for one, without their being safe, once a second at most, and about a
 * second after they have at the latest.
 *
 *   Finals   are told of like other uploads, but for a length that they get from a part: right behind the
 *            change of the part that completes, invalidates or damages them
 *   Threads  see() is called on the thread that makes all transactions, and on the store's timer under
 *            its locks: it must be done in a microsecond or so, and neither wait nor call storage
 */

#include <stdbool.h>
#include <stdint.h>

#include "storage/id.h"
#include "storage/upload.h"

enum observed {
    OBSERVED_CREATION,
    OBSERVED_ARRIVAL,  /* bytes have come; offset does not count them yet, and may never */
    OBSERVED_PROGRESS, /* the offset has grown, or the length has become known */
    OBSERVED_STATE,    /* it is complete, invalidated or damaged now */
    OBSERVED_DELETION,
    OBSERVED_EXPIRY,
};

/* The upload as it is now. */
struct observation {
    enum observed what;
    struct upload_id id;
    enum upload_kind kind;
    enum upload_state state;
    bool length_known;
    uint64_t length, offset;
};

struct observer {
    void (*see)(void *argument, const struct observation *observation); /* NULL: nobody */
    void *argument;
};

struct change;

/* What the change has meant, which has been made: to its upload, and to finals that it is a part of. */
void observer_tell(const struct observer *observer, const struct change *change);
