/*
 * Invariants, at the end of each transaction:
 *
 *   1. Of a final that waits, missing and unknown count its parts that are not complete and those
 *      without a length, and known_bytes is the sum of the others' lengths.
 *   2. A final waits exactly as long as missing is not 0 and none of its parts is lost.
 *   3. A part whose bytes a final may need has its file: place is 0, and its row is there.
 */
#define LOG_MODULE "join"
#include "storage/join.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/refusal.h"

/* The clauses of a statement form a column. */
/* clang-format off */

static void column_id(struct statement *statement, struct upload_id *ret_id)
{
    struct bytes id = column_blob(statement, "id");
    if (id.count == UPLOAD_ID_BYTES)
        memcpy(ret_id->bytes, id.data, UPLOAD_ID_BYTES);
}

/* ---- the parts of a new final ---- */

int join_find(struct db *db, const struct digest_value *fingerprint, bool *ret_found,
              struct upload_id *ret_id)
{
    struct upload_id id = { 0 };
    struct statement *find = db_prepare(db,
        "SELECT id"
        "  FROM final JOIN progress USING (number) JOIN upload USING (number)"
        " WHERE fingerprint = :fingerprint"
        "   AND state IN (0, 1, 5)"
        " LIMIT 1");

    bind_blob(find, ":fingerprint", digest_value_bytes(fingerprint));
    bool found = statement_next(find);
    column_id(find, &id);
    int r = statement_end(find);
    if (r != 0)
        return r;

    *ret_found = found;
    if (found)
        *ret_id = id;
    return 0;
}

/* Why there is no such part. */
static int part_missing(struct db *db, const struct upload_id *id)
{
    struct statement *find = db_prepare(db,
        "SELECT until"
        "  FROM tombstone"
        " WHERE id = :id");

    bind_blob(find, ":id", bytes_of(id->bytes, UPLOAD_ID_BYTES));
    bool remembered = statement_next(find);
    int r = statement_end(find);
    if (r != 0)
        return r;
    return remembered ? REFUSED_PART_LOST : REFUSED_UNKNOWN_PART;
}

struct found_part {
    uint64_t number;
    enum upload_kind kind;
    enum upload_state state;
    bool filed, length_known;
    uint64_t length;
};

static int part_find(struct db *db, const struct upload_id *id, struct found_part *ret_part)
{
    struct statement *find = db_prepare(db,
        "SELECT number, kind, state, place, length"
        "  FROM upload JOIN progress USING (number)"
        " WHERE id = :id");

    bind_blob(find, ":id", bytes_of(id->bytes, UPLOAD_ID_BYTES));
    bool found = statement_next(find);
    *ret_part = (struct found_part){
        .number = column_u64(find, "number"),
        .kind = (enum upload_kind)column_u64(find, "kind"),
        .state = (enum upload_state)column_u64(find, "state"),
        .filed = column_u64(find, "place") == 0,
        .length_known = !column_null(find, "length"),
        .length = column_u64(find, "length"),
    };
    int r = statement_end(find);
    return r != 0 || found ? r : part_missing(db, id);
}

/* Counts it; 0 or why it cannot be a part. */
static int join_count(struct join *join, const struct found_part *part, size_t *unfinished_count)
{
    if (part->state == UPLOAD_DELETED)
        return REFUSED_PART_LOST;
    if (part->kind != UPLOAD_PARTIAL)
        return REFUSED_NOT_PARTIAL;
    if (!part->filed || (part->state != UPLOAD_RECEIVING && part->state != UPLOAD_COMPLETE))
        return REFUSED_PART_LOST;

    if (part->state == UPLOAD_RECEIVING) {
        join->unfinished[(*unfinished_count)++] = part->number;
        join->missing++;
    }
    if (!part->length_known)
        join->unknown++;
    else if (part->length > join->max_length - join->known_bytes)
        return REFUSED_TOO_LONG;
    else
        join->known_bytes += part->length;
    return 0;
}

static int numbers_compare(const void *one, const void *other)
{
    const uint64_t *a = one, *b = other;

    return *a < *b ? -1 : *a > *b;
}

static int part_refuse_busy(struct db *db, uint64_t part)
{
    struct statement *count = db_prepare(db,
        "SELECT count(DISTINCT final) AS finals"
        "  FROM part JOIN progress ON progress.number = final"
        " WHERE part = :part"
        "   AND state = 0");

    bind_u64(count, ":part", part);
    (void)statement_next(count);
    uint64_t finals = column_u64(count, "finals");
    int r = statement_end(count);
    return r == 0 && finals >= UPLOAD_PART_FINALS ? REFUSED_PART_BUSY : r;
}

/* Each once, however often it is in the list. */
static int join_refuse_busy(struct db *db, struct join *join, size_t unfinished_count)
{
    int r = 0;

    qsort(join->unfinished, unfinished_count, sizeof(join->unfinished[0]), numbers_compare);
    for (size_t i = 0; r == 0 && i < unfinished_count; i++)
        if (i == 0 || join->unfinished[i] != join->unfinished[i - 1])
            r = part_refuse_busy(db, join->unfinished[i]);
    return r;
}

int join_resolve(struct db *db, struct join *join)
{
    size_t unfinished_count = 0;
    int r = 0;

    join->missing = join->unknown = join->known_bytes = 0;
    for (size_t i = 0; r == 0 && i < join->count; i++) {
        struct found_part part;
        r = part_find(db, &join->ids[i], &part);
        if (r == 0)
            r = join_count(join, &part, &unfinished_count);
        join->numbers[i] = part.number;
    }
    return r != 0 ? r : join_refuse_busy(db, join, unfinished_count);
}

/* ---- a new final ---- */

static int last_number(struct db *db, uint64_t *ret_number)
{
    struct statement *ask = db_prepare(db,
        "SELECT last_insert_rowid() AS number");

    (void)statement_next(ask);
    *ret_number = column_u64(ask, "number");
    return statement_end(ask);
}

static int progress_insert(struct db *db, uint64_t number, const struct join *join,
                           const struct upload_info *info)
{
    struct statement *insert = db_prepare(db,
        "INSERT INTO progress ( number,  offset,  state, place)"
        "VALUES               (:number, :offset, :state, 1)");
    bool complete = join->missing == 0;
    bool proven = info->stated.algorithm == DIGEST_NONE;

    bind_u64(insert, ":number", number);
    bind_u64(insert, ":offset", complete ? join->known_bytes : 0);
    bind_u64(insert, ":state", !complete ? UPLOAD_RECEIVING
                               : proven  ? UPLOAD_COMPLETE
                                         : UPLOAD_VERIFYING);
    return statement_run(insert);
}

static int final_insert(struct db *db, uint64_t number, const struct join *join)
{
    struct statement *insert = db_prepare(db,
        "INSERT INTO final"
        "       ( number,  fingerprint,  words,  missing,  unknown,  known_bytes,  max_length)"
        "VALUES (:number, :fingerprint, :words, :missing, :unknown, :known_bytes, :max_length)");

    bind_u64(insert, ":number", number);
    bind_blob(insert, ":fingerprint", digest_value_bytes(&join->fingerprint));
    if (join->words.count > 0)
        bind_blob(insert, ":words", join->words);
    bind_u64(insert, ":missing", join->missing);
    bind_u64(insert, ":unknown", join->unknown);
    bind_u64(insert, ":known_bytes", join->known_bytes);
    bind_u64(insert, ":max_length", join->max_length);
    return statement_run(insert);
}

static int part_insert(struct db *db, uint64_t final, size_t sequence, uint64_t part)
{
    struct statement *insert = db_prepare(db,
        "INSERT INTO part ( final,  sequence,  part)"
        "VALUES           (:final, :sequence, :part)");

    bind_u64(insert, ":final", final);
    bind_u64(insert, ":sequence", sequence);
    bind_u64(insert, ":part", part);
    return statement_run(insert);
}

int join_insert(struct db *db, const struct join *join, const struct upload_info *info)
{
    uint64_t number = 0;

    int r = last_number(db, &number);
    if (r == 0)
        r = progress_insert(db, number, join, info);
    if (r == 0)
        r = final_insert(db, number, join);
    for (size_t i = 0; r == 0 && i < join->count; i++)
        r = part_insert(db, number, i, join->numbers[i]);
    return r;
}

/* ---- what happens to a part ---- */

/* Of an UPDATE of progress: what it has made of finals. */
#define RETURNING_ENDS                                                                              \
    " RETURNING state, offset,"                                                                     \
    "          (SELECT id FROM upload WHERE upload.number = progress.number) AS id,"                \
    "          (SELECT length FROM upload WHERE upload.number = progress.number) AS length"

void join_ends_done(struct join_ends *ends)
{
    free(ends->finals);
    *ends = (struct join_ends){ .finals = NULL };
}

static int ends_make_room(struct join_ends *ends)
{
    size_t room = ends->room == 0 ? 4 : ends->room * 2;

    if (ends->count < ends->room)
        return 0;
    struct observation *grown = realloc(ends->finals, room * sizeof(*grown));
    if (grown == NULL)
        return fail_errno("memory for the end of final uploads");
    ends->finals = grown;
    ends->room = room;
    return 0;
}

/* Runs an update that is RETURNING_ENDS. */
static int ends_collect(struct statement *update, struct join_ends *ends)
{
    int collected = 0;

    while (collected == 0 && statement_next(update)) {
        collected = ends_make_room(ends);
        if (collected != 0)
            break;
        struct observation *final = &ends->finals[ends->count++];
        *final = (struct observation){
            .what = OBSERVED_STATE,
            .kind = UPLOAD_FINAL,
            .state = (enum upload_state)column_u64(update, "state"),
            .length_known = !column_null(update, "length"),
            .length = column_u64(update, "length"),
            .offset = column_u64(update, "offset"),
        };
        column_id(update, &final->id);
    }
    int r = statement_end(update);
    return r != 0 ? r : collected;
}

/* A final that waits for a part. */
struct waiting {
    uint64_t number;
    uint64_t times; /* the part is in it */
    uint64_t missing, unknown, known_bytes, max_length;
};

static int waiting_find(struct db *db, uint64_t part, struct waiting waiting[UPLOAD_PART_FINALS],
                        size_t *ret_count)
{
    size_t count = 0;
    struct statement *find = db_prepare(db,
        "SELECT final.number AS number, count(*) AS times, missing, unknown, known_bytes,"
        "       max_length"
        "  FROM part JOIN final ON final.number = part.final"
        "            JOIN progress ON progress.number = part.final"
        " WHERE part = :part"
        "   AND state = 0"
        " GROUP BY final.number"
        " LIMIT :room");

    bind_u64(find, ":part", part);
    bind_u64(find, ":room", UPLOAD_PART_FINALS);
    for (; count < UPLOAD_PART_FINALS && statement_next(find); count++)
        waiting[count] = (struct waiting){
            .number = column_u64(find, "number"),
            .times = column_u64(find, "times"),
            .missing = column_u64(find, "missing"),
            .unknown = column_u64(find, "unknown"),
            .known_bytes = column_u64(find, "known_bytes"),
            .max_length = column_u64(find, "max_length"),
        };
    int r = statement_end(find);
    if (r != 0)
        return r;

    *ret_count = count;
    return 0;
}

static int final_update(struct db *db, const struct waiting *waiting)
{
    struct statement *update = db_prepare(db,
        "UPDATE final"
        "   SET missing = :missing,"
        "       unknown = :unknown,"
        "       known_bytes = :known_bytes"
        " WHERE number = :number");

    bind_u64(update, ":number", waiting->number);
    bind_u64(update, ":missing", waiting->missing);
    bind_u64(update, ":unknown", waiting->unknown);
    bind_u64(update, ":known_bytes", waiting->known_bytes);
    return statement_run(update);
}

static int final_state_length(struct db *db, const struct waiting *waiting)
{
    struct statement *update = db_prepare(db,
        "UPDATE upload"
        "   SET length = :length"
        " WHERE number = :number");

    bind_u64(update, ":number", waiting->number);
    bind_u64(update, ":length", waiting->known_bytes);
    return statement_run(update);
}

static int final_invalidate(struct db *db, uint64_t number, int64_t expires,
                            struct join_ends *ends)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = 2,"
        "       expires = :expires"
        " WHERE number = :number"
        "   AND state = 0"
        RETURNING_ENDS);

    bind_u64(update, ":number", number);
    if (expires != 0)
        bind_i64(update, ":expires", expires);
    return ends_collect(update, ends);
}

static int final_complete(struct db *db, const struct waiting *waiting, struct join_ends *ends)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET offset = :offset,"
        "       state = iif((SELECT stated_digest FROM upload WHERE number = :number) IS NULL, 1, 5)"
        " WHERE number = :number"
        "   AND state = 0"
        RETURNING_ENDS);

    bind_u64(update, ":number", waiting->number);
    bind_u64(update, ":offset", waiting->known_bytes);
    return ends_collect(update, ends);
}

/* False: the final would be too long. */
static bool waiting_add(struct waiting *waiting, uint64_t length)
{
    uint64_t more, sum;

    if (__builtin_mul_overflow(length, waiting->times, &more) ||
        __builtin_add_overflow(waiting->known_bytes, more, &sum) || sum > waiting->max_length)
        return false;
    waiting->known_bytes = sum;
    waiting->unknown -= waiting->times;
    return true;
}

static int waiting_learn_length(struct db *db, struct waiting *waiting, uint64_t length,
                                int64_t expires, struct join_ends *ends)
{
    if (!waiting_add(waiting, length))
        return final_invalidate(db, waiting->number, expires, ends);
    int r = final_update(db, waiting);
    return r == 0 && waiting->unknown == 0 ? final_state_length(db, waiting) : r;
}

int join_part_length(struct db *db, uint64_t part, uint64_t length, int64_t expires,
                     struct join_ends *ends)
{
    struct waiting waiting[UPLOAD_PART_FINALS];
    size_t count = 0;

    int r = waiting_find(db, part, waiting, &count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = waiting_learn_length(db, &waiting[i], length, expires, ends);
    return r;
}

int join_part_complete(struct db *db, uint64_t part, struct join_ends *ends)
{
    struct waiting waiting[UPLOAD_PART_FINALS];
    size_t count = 0;

    int r = waiting_find(db, part, waiting, &count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        waiting[i].missing -= waiting[i].times;
        r = final_update(db, &waiting[i]);
        if (r == 0 && waiting[i].missing == 0)
            r = final_complete(db, &waiting[i], ends);
    }
    return r;
}

int join_part_lost(struct db *db, uint64_t part, int64_t expires, struct join_ends *ends)
{
    struct waiting waiting[UPLOAD_PART_FINALS];
    size_t count = 0;

    int r = waiting_find(db, part, waiting, &count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = final_invalidate(db, waiting[i].number, expires, ends);
    return r;
}

int join_part_damaged(struct db *db, uint64_t part, int64_t expires, struct join_ends *ends)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = 3,"
        "       expires = :expires"
        " WHERE number IN (SELECT final FROM part WHERE part = :part)"
        "   AND state IN (1, 5)"
        "   AND place = 1"
        RETURNING_ENDS);

    bind_u64(update, ":part", part);
    if (expires != 0)
        bind_i64(update, ":expires", expires);
    return ends_collect(update, ends);
}

#undef RETURNING_ENDS

/* ---- the end of a row ---- */

static int part_delete_of(struct db *db, uint64_t final)
{
    struct statement *delete = db_prepare(db,
        "DELETE FROM part"
        " WHERE final = :final");

    bind_u64(delete, ":final", final);
    return statement_run(delete);
}

static int part_delete(struct db *db, uint64_t part)
{
    struct statement *delete = db_prepare(db,
        "DELETE FROM part"
        " WHERE part = :part");

    bind_u64(delete, ":part", part);
    return statement_run(delete);
}

static int final_delete(struct db *db, uint64_t number)
{
    struct statement *delete = db_prepare(db,
        "DELETE FROM final"
        " WHERE number = :number");

    bind_u64(delete, ":number", number);
    return statement_run(delete);
}

int join_purge(struct db *db, uint64_t number)
{
    int r = part_delete_of(db, number);
    if (r == 0)
        r = part_delete(db, number); /* of finals that ended without it */
    return r != 0 ? r : final_delete(db, number);
}

/* ---- the digest ---- */

static int final_stated_digest(struct db *db, uint64_t final, struct digest_value *ret_stated)
{
    struct statement *find = db_prepare(db,
        "SELECT digest_algorithm, stated_digest"
        "  FROM upload"
        " WHERE number = :number");
    struct digest_value stated = { .algorithm = DIGEST_NONE };

    bind_u64(find, ":number", final);
    if (statement_next(find)) {
        struct bytes bytes = column_blob(find, "stated_digest");
        stated.algorithm = (enum digest_algorithm)column_u64(find, "digest_algorithm");
        if (bytes.count == digest_algorithm_bytes(stated.algorithm) && bytes.count > 0)
            memcpy(stated.bytes, bytes.data, bytes.count);
    }
    *ret_stated = stated;
    return statement_end(find);
}

static int progress_prove(struct db *db, uint64_t final, bool proven, int64_t expires)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET state = :state,"
        "       expires = :expires"
        " WHERE number = :number"
        "   AND state = 5");

    bind_u64(update, ":number", final);
    bind_u64(update, ":state", proven ? UPLOAD_COMPLETE : UPLOAD_DAMAGED);
    if (!proven && expires != 0)
        bind_i64(update, ":expires", expires);
    int r = statement_run(update);
    return r == 0 && db_changed(db) == 0 ? REFUSED_GONE : r;
}

static int final_set_digest(struct db *db, uint64_t final, const struct digest_value *digest)
{
    struct statement *update = db_prepare(db,
        "UPDATE upload"
        "   SET digest = :digest"
        " WHERE number = :number");

    bind_u64(update, ":number", final);
    bind_blob(update, ":digest", digest_value_bytes(digest));
    return statement_run(update);
}

int join_prove(struct db *db, uint64_t final, const struct digest_value *digest, int64_t expires,
               bool *ret_proven)
{
    struct digest_value stated;

    int r = final_stated_digest(db, final, &stated);
    if (r != 0)
        return r;

    *ret_proven = digest_value_equal(&stated, digest);
    r = progress_prove(db, final, *ret_proven, expires);
    return r != 0 ? r : final_set_digest(db, final, digest);
}

/* ---- one file ---- */

int join_copied(struct db *db, uint64_t final, uint64_t copied)
{
    struct statement *update = db_prepare(db,
        "UPDATE final"
        "   SET copied = :copied"
        " WHERE number = :number"
        "   AND (SELECT state FROM progress WHERE number = :number) = 1");

    bind_u64(update, ":number", final);
    bind_u64(update, ":copied", copied);
    int r = statement_run(update);
    return r == 0 && db_changed(db) == 0 ? REFUSED_GONE : r;
}

static int progress_file(struct db *db, uint64_t final)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET place = 0"
        " WHERE number = :number"
        "   AND state = 1"
        "   AND place = 1");

    bind_u64(update, ":number", final);
    int r = statement_run(update);
    return r == 0 && db_changed(db) == 0 ? REFUSED_GONE : r;
}

/* Those that are in no other final which needs them. */
static int progress_free_parts(struct db *db, uint64_t final)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET place = 2"
        " WHERE number IN (SELECT part FROM part WHERE final = :final)"
        "   AND state = 1"
        "   AND place = 0"
        "   AND NOT EXISTS (SELECT 1"
        "                     FROM part JOIN progress AS other ON other.number = part.final"
        "                    WHERE part.part = progress.number"
        "                      AND part.final <> :final"
        "                      AND other.place = 1"
        "                      AND other.state <> 2)");

    bind_u64(update, ":final", final);
    return statement_run(update);
}

int join_filed(struct db *db, uint64_t final)
{
    int r = progress_file(db, final);
    if (r == 0)
        r = progress_free_parts(db, final);
    return r != 0 ? r : part_delete_of(db, final);
}

int join_freed(struct db *db, uint64_t part)
{
    struct statement *update = db_prepare(db,
        "UPDATE progress"
        "   SET place = 3"
        " WHERE number = :number"
        "   AND place = 2");

    bind_u64(update, ":number", part);
    int r = statement_run(update);
    return r == 0 && db_changed(db) == 0 ? REFUSED_GONE : r;
}
