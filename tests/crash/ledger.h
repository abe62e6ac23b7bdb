#pragma once

/*
 * Ledger: what was acknowledged, and what a store must therefore show after a cut
 *
 * The marks are lines of text, each written after the acknowledgement and before the next step of
 * whoever got it. What is asked for stands there too, before it is asked: from then on it may have
 * happened.
 *
 *     created ID LENGTH TIME   it exists, with that length (or "-")
 *     part ID LENGTH TIME      the same, to become part of a final; complete it may still expire
 *     joined ID LENGTH TIME    a final exists; its parts were made at TIME or later
 *     misjoined ID LENGTH TIME the same, with a stated digest that its bytes will not have
 *     verifying ID LENGTH      all parts of the final are complete, and will be for ever
 *     stated ID                it was created with a digest that its bytes will not have
 *     length ID LENGTH         the length is known now
 *     offset ID OFFSET TIME    that many bytes are safe; something was appended at TIME or later
 *     finishing ID             \
 *     complete ID LENGTH        } complete for ever, and all of it there
 *     mismatched ID LENGTH      } the same, but damaged: its digest is not the stated one
 *     deleting ID              \
 *     deleted ID                } gone for ever
 *     invalidating ID          \
 *     invalidated ID            } no more appends
 *     time TIME                about to become this late
 *     unlinked                 about to sync a directory; acknowledges nothing
 *
 *   Units    seconds of the test's own clock
 *   Threads  one at a time
 */

#include <stdbool.h>
#include <stdint.h>

#include "storage/id.h"
#include "storage/upload.h"

enum {
    EXPIRE_AFTER_S = 30,
    TOMBSTONE_S = 1000 * 1000 * 1000, /* longer than any run */
};

struct entry {
    struct upload_id id;
    bool used;
    bool created; /* all that may become of it is known */
    bool part, final, whole; /* whole: all parts of the final are complete */
    bool kept;               /* by a final that needs its bytes: for the checker's own use */
    bool length_known, stated, complete, mismatched, deleted, invalidated;
    bool finishing, deleting, invalidating;
    uint64_t length, offset;
    int64_t alive_at; /* unfinished, it must not expire before alive_at + EXPIRE_AFTER_S */
};

struct ledger {
    struct entry *entries; /* a hash table: see ledger_find() */
    size_t room, count;
    int64_t now; /* the latest time in it */
};

/* Every function here ends the program when memory or the file fails, or a line makes no sense. */
void ledger_read(struct ledger *ledger, const char *path);
void ledger_apply(struct ledger *ledger, const char *line);
void ledger_done(struct ledger *ledger);

/* NULL when no mark speaks of it. */
struct entry *ledger_find(struct ledger *ledger, const struct upload_id *id);

/* Whether a store may deny that the upload exists. */
bool ledger_may_be_gone(const struct ledger *ledger, const struct entry *entry);

/*
 * What is wrong with an upload that the store shows as info, or cannot show because of the result
 * r of looking for it. NULL: nothing is.
 */
const char *ledger_objection(const struct ledger *ledger, const struct entry *entry, int r,
                             const struct upload_info *info);
