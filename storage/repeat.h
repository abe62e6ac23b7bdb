#pragma once

/*
 * Repeats: requests that named a key, and what they made
 *
 * Within a transaction, like storage/change.h, of which these are parts. A key is remembered together
 * with what it made, so there is no moment at which a repeat could make it twice.
 *
 *   Units    times in seconds since 1970-01-01 UTC
 *   Errors   0; a refusal, and nothing is changed; -errno, and the transaction must end
 */

#include <stdbool.h>
#include <stdint.h>

#include "digest/digest.h"
#include "storage/db.h"
#include "storage/id.h"

enum {
    REPEAT_S = 24 * 60 * 60, /* how long a key is remembered */
};

struct repeat {
    struct digest_value key;         /* SHA-256; of DIGEST_NONE when there is none */
    struct digest_value fingerprint; /* of the request; SHA-256 */
};

/* What the key has made; REFUSED_KEY_REUSED when that was another request. */
int repeat_find(struct db *db, const struct repeat *repeat, int64_t now, bool *ret_found,
                struct upload_id *ret_id);

int repeat_remember(struct db *db, const struct repeat *repeat, int64_t now,
                    const struct upload_id *id);

/* Some of those whose time is over, room at most. */
int repeat_forget(struct db *db, int64_t now, uint64_t room, uint64_t *ret_count);
