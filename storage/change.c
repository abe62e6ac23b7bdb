#define LOG_MODULE "change"
#include "storage/change.h"

#include <errno.h>

#include "base/fail.h"
#include "base/refusal.h"

/* The clauses of a statement form a column. */
/* clang-format off */

/* The result of an UPDATE or DELETE of one row that is refused when the row is not as it must be. */
static int changed_one(struct db *db, struct statement *statement)
{
    int r = statement_run(statement);
    if (r != 0)
        return r;
    return db_changed(db) == 1 ? 0 : REFUSED_GONE;
}

static int upload_insert(struct db *db, const struct upload_info *info)
{
    struct statement *insert = db_prepare(db,
        "INSERT INTO upload"
        "       ( id,  protocol,  kind,  length,  created,  digest_algorithm,  metadata)"
        "VALUES (:id, :protocol, :kind, :length, :created, :digest_algorithm, :metadata)");

    bind_blob(insert, ":id", bytes_of(info->id.bytes, UPLOAD_ID_BYTES));
    bind_u64(insert, ":protocol", info->protocol);
    bind_u64(insert, ":kind", info->kind);
    if (info->length_known)
        bind_u64(insert, ":length", info->length);
    bind_i64(insert, ":created", info->created);
    bind_u64(insert, ":digest_algorithm", info->digest);
    bind_blob(insert, ":metadata", bytes_of(info->metadata, info->metadata_count));
    return statement_run(insert);
}

/* Right after upload_insert(): its number is the last that was given. */
static int progress_insert(struct db *db, int64_t expires)
{
    struct statement *insert = db_prepare(db,
        "INSERT INTO progress (number, expires)"
        "VALUES (last_insert_rowid(), :expires)");

    if (expires != 0)
        bind_i64(insert, ":expires", expires);
    return statement_run(insert);
}

static int progress_commit(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET offset = :offset"
        " WHERE number = :number"
        "   AND state = 0"
        "   AND offset <= :offset");

    bind_u64(update, ":number", change->number);
    bind_u64(update, ":offset", change->offset);
    return changed_one(db, update);
}

/* Apart from progress_commit(), because naming a column in SET costs a write of its index. */
static int progress_commit_expires(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET offset = :offset,"
        "       expires = :expires"
        " WHERE number = :number"
        "   AND state = 0"
        "   AND offset <= :offset");

    bind_u64(update, ":number", change->number);
    bind_u64(update, ":offset", change->offset);
    bind_i64(update, ":expires", change->expires);
    return changed_one(db, update);
}

static int progress_complete(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET offset = :offset,"
        "       state = 1,"
        "       expires = NULL"
        " WHERE number = :number"
        "   AND state = 0"
        "   AND offset <= :offset");

    bind_u64(update, ":number", change->number);
    bind_u64(update, ":offset", change->offset);
    return changed_one(db, update);
}

static int upload_state_length(struct db *db, uint64_t number, uint64_t length)
{
    struct statement *update = db_prepare(db,
        "UPDATE upload"
        "   SET length = :length"
        " WHERE number = :number"
        "   AND (length IS NULL OR length = :length)");

    bind_u64(update, ":number", number);
    bind_u64(update, ":length", length);
    return changed_one(db, update);
}

static int progress_set_state(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = :state"
        " WHERE number = :number"
        "   AND state IN (0, 1)");

    bind_u64(update, ":number", change->number);
    bind_u64(update, ":state", change->state);
    return changed_one(db, update);
}

static int progress_delete(struct db *db, uint64_t number)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = 4,"
        "       expires = NULL"
        " WHERE number = :number"
        "   AND state <> 4");

    bind_u64(update, ":number", number);
    return changed_one(db, update);
}

static int progress_expire(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = 4,"
        "       expires = NULL"
        " WHERE number = :number"
        "   AND expires <= :now");

    bind_u64(update, ":number", change->number);
    bind_i64(update, ":now", change->now);
    return changed_one(db, update);
}

static int progress_purge(struct db *db, uint64_t number)
{
    struct statement *purge = db_prepare(db,
        "DELETE FROM progress"
        " WHERE number = :number"
        "   AND state = 4");

    bind_u64(purge, ":number", number);
    return changed_one(db, purge);
}

static int upload_purge(struct db *db, uint64_t number)
{
    struct statement *purge = db_prepare(db,
        "DELETE FROM upload"
        " WHERE number = :number");

    bind_u64(purge, ":number", number);
    return changed_one(db, purge);
}

/* The second half of a change cannot be refused: the first has been done. So it is a failure. */
static int whole(int r)
{
    return r > 0 ? fail_code(EUCLEAN, "the rows of an upload contradict each other") : r;
}

int change_apply(struct db *db, const struct change *change)
{
    int r = 0;

    switch (change->kind) {
    case CHANGE_CREATE:
        r = upload_insert(db, &change->info);
        return r != 0 ? r : progress_insert(db, change->info.expires);
    case CHANGE_COMMIT:
        return change->expires_changed ? progress_commit_expires(db, change)
                                       : progress_commit(db, change);
    case CHANGE_COMPLETE:
        r = progress_complete(db, change);
        return r != 0 ? r : whole(upload_state_length(db, change->number, change->offset));
    case CHANGE_LENGTH: return upload_state_length(db, change->number, change->length);
    case CHANGE_STATE: return progress_set_state(db, change);
    case CHANGE_DELETE: return progress_delete(db, change->number);
    case CHANGE_EXPIRE: return progress_expire(db, change);
    case CHANGE_PURGE:
        r = progress_purge(db, change->number);
        return r != 0 ? r : whole(upload_purge(db, change->number));
    }
    return 0;
}
