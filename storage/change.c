#define LOG_MODULE "change"
#include "storage/change.h"

#include <errno.h>

#include "base/fail.h"
#include "base/refusal.h"

/* The clauses of a statement form a column. */
/* clang-format off */

enum {
    FORGET_MOST = 128, /* tombstones, and keys, in one change: others wait for the same transaction */
};

/* The result of an UPDATE or DELETE of one row that is refused when the row is not as it must be. */
static int changed_one(struct db *db, struct statement *statement)
{
    int r = statement_run(statement);
    if (r != 0)
        return r;
    return db_changed(db) == 1 ? 0 : REFUSED_GONE;
}

/* What is not there is NULL; a parameter that nothing is bound to is that already. */

static void bind_bytes(struct statement *statement, const char *name, struct bytes bytes)
{
    if (bytes.count > 0)
        bind_blob(statement, name, bytes);
}

static void bind_expires(struct statement *statement, int64_t expires)
{
    if (expires != 0)
        bind_i64(statement, ":expires", expires);
}

/* ---- creation ---- */

static int upload_insert(struct db *db, const struct upload_info *info)
{
    struct statement *insert = db_prepare(db,
        "INSERT INTO upload"
        "       ( id,  protocol,  kind,  length,  created,  explicit_completion,"
        "         digest_algorithm,  stated_digest,  metadata)"
        "VALUES (:id, :protocol, :kind, :length, :created, :explicit_completion,"
        "        :digest_algorithm, :stated_digest, :metadata)");

    bind_blob(insert, ":id", bytes_of(info->id.bytes, UPLOAD_ID_BYTES));
    bind_u64(insert, ":protocol", info->protocol);
    bind_u64(insert, ":kind", info->kind);
    bind_u64(insert, ":explicit_completion", info->explicit_completion);
    if (info->length_known)
        bind_u64(insert, ":length", info->length);
    bind_i64(insert, ":created", info->created);
    bind_u64(insert, ":digest_algorithm", info->digest_algorithm);
    bind_bytes(insert, ":stated_digest", digest_value_bytes(&info->stated));
    bind_bytes(insert, ":metadata", bytes_of(info->metadata, info->metadata_count));
    return statement_run(insert);
}

/* Right after upload_insert(): its number is the last that was given. */
static int progress_insert(struct db *db, int64_t expires)
{
    struct statement *insert = db_prepare(db,
        "INSERT INTO progress (number, expires)"
        "VALUES (last_insert_rowid(), :expires)");

    bind_expires(insert, expires);
    return statement_run(insert);
}

/* ---- bytes ---- */

/* What they have in common that move the offset. */
static void bind_offset(struct statement *update, const struct change *change)
{
    bind_u64(update, ":number", change->number);
    bind_u64(update, ":offset", change->offset);
    bind_i64(update, ":appended", change->appended);
}

static void bind_checkpoint(struct statement *update, const struct change *change)
{
    bind_bytes(update, ":checkpoint",
               bytes_of(change->checkpoint.bytes, change->checkpoint.count));
}

static int progress_commit(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET offset = :offset,"
        "       appended = iif(offset < :offset, :appended, appended),"
        "       checkpoint = :checkpoint"
        " WHERE number = :number"
        "   AND state = 0"
        "   AND offset <= :offset");

    bind_offset(update, change);
    bind_checkpoint(update, change);
    return changed_one(db, update);
}

/* Apart from progress_commit(), because naming a column in SET costs a write of its index. */
static int progress_commit_expires(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET offset = :offset,"
        "       appended = iif(offset < :offset, :appended, appended),"
        "       checkpoint = :checkpoint,"
        "       expires = :expires"
        " WHERE number = :number"
        "   AND state = 0"
        "   AND offset <= :offset");

    bind_offset(update, change);
    bind_checkpoint(update, change);
    bind_expires(update, change->expires);
    return changed_one(db, update);
}

/* With all bytes there, the checkpoint has done its work. */
static int progress_complete(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET offset = :offset,"
        "       appended = iif(offset < :offset, :appended, appended),"
        "       checkpoint = NULL,"
        "       state = 1,"
        "       expires = :expires"
        " WHERE number = :number"
        "   AND state = 0"
        "   AND offset <= :offset");

    bind_offset(update, change);
    bind_expires(update, change->expires);
    return changed_one(db, update);
}

static int progress_mismatch(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET offset = :offset,"
        "       appended = iif(offset < :offset, :appended, appended),"
        "       checkpoint = NULL,"
        "       state = 3,"
        "       expires = :expires"
        " WHERE number = :number"
        "   AND state = 0"
        "   AND offset <= :offset");

    bind_offset(update, change);
    bind_expires(update, change->expires);
    return changed_one(db, update);
}

/* What is known of the whole when all bytes are there. */
static int upload_state_whole(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE upload"
        "   SET length = :offset,"
        "       digest = :digest,"
        "       response = :response"
        " WHERE number = :number"
        "   AND (length IS NULL OR length = :offset)");

    bind_u64(update, ":number", change->number);
    bind_u64(update, ":offset", change->offset);
    bind_bytes(update, ":digest", digest_value_bytes(&change->digest));
    bind_bytes(update, ":response", change->response);
    return changed_one(db, update);
}

/* ---- what else happens to it ---- */

static int upload_state_length(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE upload"
        "   SET length = :length"
        " WHERE number = :number"
        "   AND (length IS NULL OR length = :length)");

    bind_u64(update, ":number", change->number);
    bind_u64(update, ":length", change->length);
    return changed_one(db, update);
}

static int progress_set_state(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = :state,"
        "       expires = coalesce(expires, :expires)"
        " WHERE number = :number"
        "   AND state IN (0, 1, 5)");

    bind_u64(update, ":number", change->number);
    bind_u64(update, ":state", change->state);
    bind_expires(update, change->expires);
    return changed_one(db, update);
}

/* ---- the end ---- */

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

/*
 * It may have got bytes, and a final upload may have been made of it, since it was looked up. One that is
 * not complete goes in spite of finals.
 */
static int progress_expire(struct db *db, const struct change *change)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = 4,"
        "       expires = NULL"
        " WHERE number = :number"
        "   AND expires <= :now"
        "   AND (state <> 1"
        "        OR NOT EXISTS (SELECT 1"
        "                         FROM part JOIN progress AS final ON final.number = part.final"
        "                        WHERE part.part = :number"
        "                          AND final.place = 1"
        "                          AND final.state <> 2))");

    bind_u64(update, ":number", change->number);
    bind_i64(update, ":now", change->now);
    return changed_one(db, update);
}

/* As it is before a change; DELETED when there is no row. */
static int progress_state(struct db *db, uint64_t number, enum upload_state *ret_state)
{
    struct statement *find = db_prepare(db,
        "SELECT state"
        "  FROM progress"
        " WHERE number = :number");

    bind_u64(find, ":number", number);
    bool found = statement_next(find);
    *ret_state = found ? (enum upload_state)column_u64(find, "state") : UPLOAD_DELETED;
    return statement_end(find);
}

static int upload_lacks_length(struct db *db, uint64_t number, bool *ret_lacks)
{
    struct statement *find = db_prepare(db,
        "SELECT length"
        "  FROM upload"
        " WHERE number = :number");

    bind_u64(find, ":number", number);
    *ret_lacks = statement_next(find) && column_null(find, "length");
    return statement_end(find);
}

static int progress_expire_early(struct db *db, uint64_t number)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = 4,"
        "       expires = NULL"
        " WHERE number = :number"
        "   AND state IN (0, 2, 3)");

    bind_u64(update, ":number", number);
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

static int tombstone_insert(struct db *db, const struct change *change)
{
    struct statement *insert = db_prepare(db,
        "INSERT OR REPLACE INTO tombstone (id, until)"
        "SELECT id, :until"
        "  FROM upload"
        " WHERE number = :number");

    bind_u64(insert, ":number", change->number);
    bind_i64(insert, ":until", change->until);
    return changed_one(db, insert);
}

static int upload_purge(struct db *db, uint64_t number)
{
    struct statement *purge = db_prepare(db,
        "DELETE FROM upload"
        " WHERE number = :number");

    bind_u64(purge, ":number", number);
    return changed_one(db, purge);
}

static int tombstone_forget(struct db *db, int64_t now, uint64_t *ret_count)
{
    struct statement *forget = db_prepare(db,
        "DELETE FROM tombstone"
        " WHERE id IN (SELECT id"
        "                FROM tombstone"
        "               WHERE until <= :now"
        "               ORDER BY until"
        "               LIMIT :most)");

    bind_i64(forget, ":now", now);
    bind_u64(forget, ":most", FORGET_MOST);
    int r = statement_run(forget);
    if (r == 0)
        *ret_count = db_changed(db);
    return r;
}

/* ---- changes of several rows ---- */

/* The second half of a change cannot be refused: the first has been done. So it is a failure. */
static int whole(int r)
{
    return r > 0 ? fail_code(EUCLEAN, "the rows of an upload contradict each other") : r;
}

static int change_create(struct db *db, struct change *change)
{
    int r = repeat_find(db, &change->repeat, change->now, &change->repeated, &change->answer);
    if (r != 0 || change->repeated)
        return r;
    if (change->only_repeats)
        return REFUSED_NO_SPACE;

    change->answer = change->info.id;
    r = upload_insert(db, &change->info);
    if (r == 0)
        r = progress_insert(db, change->info.expires);
    return r != 0 ? r : repeat_remember(db, &change->repeat, change->now, &change->answer);
}

static int join_create(struct db *db, const struct change *change)
{
    struct upload_info info = change->info;

    int r = join_resolve(db, change->join);
    if (r != 0)
        return r;

    info.length_known = change->join->unknown == 0;
    info.length = change->join->known_bytes;
    r = upload_insert(db, &info);
    return r != 0 ? r : join_insert(db, change->join, &info);
}

static int change_join(struct db *db, struct change *change)
{
    int r = repeat_find(db, &change->repeat, change->now, &change->repeated, &change->answer);
    if (r != 0 || change->repeated)
        return r;

    r = join_find(db, &change->join->fingerprint, &change->repeated, &change->answer);
    if (r == 0 && !change->repeated && change->only_repeats)
        return REFUSED_NO_SPACE;
    if (r == 0 && !change->repeated) {
        change->answer = change->info.id;
        r = join_create(db, change);
    }
    return r != 0 ? r : repeat_remember(db, &change->repeat, change->now, &change->answer);
}

/* What its length means to finals, before the row has it. */
static int change_tell_length(struct db *db, struct change *change, uint64_t length)
{
    bool lacks = false;

    int r = upload_lacks_length(db, change->number, &lacks);
    if (r != 0 || !lacks)
        return r;
    return join_part_length(db, change->number, length, change->finals_expire, &change->ends);
}

static int change_length(struct db *db, struct change *change)
{
    int r = change_tell_length(db, change, change->length);
    return r != 0 ? r : upload_state_length(db, change);
}

static int change_end(struct db *db, struct change *change)
{
    bool complete = change->kind == CHANGE_COMPLETE;

    int r = complete ? progress_complete(db, change) : progress_mismatch(db, change);
    if (r == 0)
        r = change_tell_length(db, change, change->offset);
    if (r == 0)
        r = whole(upload_state_whole(db, change));
    if (r != 0)
        return r;
    return complete ? join_part_complete(db, change->number, &change->ends)
                    : join_part_lost(db, change->number, change->finals_expire, &change->ends);
}

/* It is no more, or not what it was: so finals that wait for it, or were made of it, are not either. */
static int change_lose(struct db *db, struct change *change)
{
    enum upload_state before;

    int r = progress_state(db, change->number, &before);
    if (r != 0)
        return r;

    bool damage = change->kind == CHANGE_STATE && change->state == UPLOAD_DAMAGED;
    r = change->kind == CHANGE_DELETE         ? progress_delete(db, change->number)
        : change->kind == CHANGE_EXPIRE       ? progress_expire(db, change)
        : change->kind == CHANGE_EXPIRE_EARLY ? progress_expire_early(db, change->number)
                                              : progress_set_state(db, change);
    if (r == 0 && (before == UPLOAD_RECEIVING || damage))
        r = join_part_lost(db, change->number, change->finals_expire, &change->ends);
    if (r == 0 && before == UPLOAD_COMPLETE && damage)
        r = join_part_damaged(db, change->number, change->finals_expire, &change->ends);
    return r;
}

static int change_forget(struct db *db, int64_t now)
{
    uint64_t tombstones = 0;
    uint64_t keys = 0;

    int r = tombstone_forget(db, now, &tombstones);
    if (r == 0)
        r = repeat_forget(db, now, FORGET_MOST, &keys);
    if (r != 0)
        return r;
    return tombstones + keys > 0 ? 0 : REFUSED_GONE;
}

/* As if something could be forgotten: no tombstone is that old. */
static int change_probe(struct db *db, const struct change *change)
{
    int r = change_forget(db, INT64_MIN);

    if (r < 0)
        return r;
    return change->only_repeats ? REFUSED_NO_SPACE : 0;
}

static int change_purge(struct db *db, const struct change *change)
{
    int r = progress_purge(db, change->number);
    if (r == 0 && change->until != 0)
        r = whole(tombstone_insert(db, change));
    if (r == 0)
        r = join_purge(db, change->number);
    return r != 0 ? r : whole(upload_purge(db, change->number));
}

int change_apply(struct db *db, struct change *change)
{
    switch (change->kind) {
    case CHANGE_CREATE: return change_create(db, change);
    case CHANGE_JOIN: return change_join(db, change);
    case CHANGE_COMMIT:
        return change->expires_changed ? progress_commit_expires(db, change)
                                       : progress_commit(db, change);
    case CHANGE_COMPLETE:
    case CHANGE_MISMATCH: return change_end(db, change);
    case CHANGE_LENGTH: return change_length(db, change);
    case CHANGE_STATE:
    case CHANGE_DELETE:
    case CHANGE_EXPIRE:
    case CHANGE_EXPIRE_EARLY: return change_lose(db, change);
    case CHANGE_PURGE: return change_purge(db, change);
    case CHANGE_FORGET: return change_forget(db, change->now);
    case CHANGE_PROBE: return change_probe(db, change);
    case CHANGE_PROVE:
        return join_prove(db, change->number, &change->digest, change->expires, &change->proven);
    case CHANGE_COPIED: return join_copied(db, change->number, change->offset);
    case CHANGE_FILED: return join_filed(db, change->number);
    case CHANGE_FREED: return join_freed(db, change->number);
    }
    return 0;
}
