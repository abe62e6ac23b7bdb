#define LOG_MODULE "repeat"
#include "storage/repeat.h"

#include <string.h>

#include "base/refusal.h"

/* The clauses of a statement form a column. */
/* clang-format off */

int repeat_find(struct db *db, const struct repeat *repeat, int64_t now, bool *ret_found,
                struct upload_id *ret_id)
{
    struct upload_id id = { 0 };

    *ret_found = false;
    if (repeat->key.algorithm == DIGEST_NONE)
        return 0;

    struct statement *find = db_prepare(db,
        "SELECT id, fingerprint = :fingerprint AS same"
        "  FROM repeat"
        " WHERE key = :key"
        "   AND until > :now");

    bind_blob(find, ":key", digest_value_bytes(&repeat->key));
    bind_blob(find, ":fingerprint", digest_value_bytes(&repeat->fingerprint));
    bind_i64(find, ":now", now);
    bool found = statement_next(find);
    bool same = column_u64(find, "same") != 0;
    struct bytes bytes = column_blob(find, "id");
    if (bytes.count == UPLOAD_ID_BYTES)
        memcpy(id.bytes, bytes.data, UPLOAD_ID_BYTES);
    int r = statement_end(find);
    if (r != 0)
        return r;
    if (found && !same)
        return REFUSED_KEY_REUSED;

    *ret_found = found;
    if (found)
        *ret_id = id;
    return 0;
}

int repeat_remember(struct db *db, const struct repeat *repeat, int64_t now,
                    const struct upload_id *id)
{
    if (repeat->key.algorithm == DIGEST_NONE)
        return 0;

    struct statement *insert = db_prepare(db,
        "INSERT OR REPLACE INTO repeat ( key,  fingerprint,  id,  until)"
        "VALUES                        (:key, :fingerprint, :id, :until)");

    bind_blob(insert, ":key", digest_value_bytes(&repeat->key));
    bind_blob(insert, ":fingerprint", digest_value_bytes(&repeat->fingerprint));
    bind_blob(insert, ":id", bytes_of(id->bytes, UPLOAD_ID_BYTES));
    bind_i64(insert, ":until", now + REPEAT_S);
    return statement_run(insert);
}

int repeat_forget(struct db *db, int64_t now, uint64_t room, uint64_t *ret_count)
{
    struct statement *forget = db_prepare(db,
        "DELETE FROM repeat"
        " WHERE key IN (SELECT key"
        "                 FROM repeat"
        "                WHERE until <= :now"
        "                ORDER BY until"
        "                LIMIT :room)");

    bind_i64(forget, ":now", now);
    bind_u64(forget, ":room", room);
    int r = statement_run(forget);
    if (r == 0)
        *ret_count = db_changed(db);
    return r;
}
