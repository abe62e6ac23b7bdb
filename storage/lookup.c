#define LOG_MODULE "lookup"
#include "storage/lookup.h"

#include <assert.h>
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

/* Of the upload's own algorithm. The schema allows any length: what has another one is none. */
static struct digest_value column_digest(struct statement *statement, const char *name)
{
    struct digest_value value = {
        .algorithm = (enum digest_algorithm)column_u64(statement, "digest_algorithm"),
    };
    struct bytes bytes = column_blob(statement, name);

    if (bytes.count == 0 || bytes.count != digest_algorithm_bytes(value.algorithm))
        return (struct digest_value){ .algorithm = DIGEST_NONE };
    memcpy(value.bytes, bytes.data, bytes.count);
    return value;
}

/* Of the row, all but what has to be allocated. */
static struct upload_info column_info(struct statement *statement)
{
    struct upload_info info = {
        .protocol = (uint8_t)column_u64(statement, "protocol"),
        .kind = (enum upload_kind)column_u64(statement, "kind"),
        .state = (enum upload_state)column_u64(statement, "state"),
        .length_known = !column_null(statement, "length"),
        .length = column_u64(statement, "length"),
        .offset = column_u64(statement, "offset"),
        .explicit_completion = column_u64(statement, "explicit_completion") != 0,
        .created = column_i64(statement, "created"),
        .appended = column_i64(statement, "appended"),
        .expires = column_i64(statement, "expires"),
        .filed = column_u64(statement, "place") == 0,
        .digest_algorithm = (enum digest_algorithm)column_u64(statement, "digest_algorithm"),
        .digest = column_digest(statement, "digest"),
        .stated = column_digest(statement, "stated_digest"),
    };
    column_id(statement, &info.id);
    return info;
}

static struct digest_checkpoint column_checkpoint(struct statement *statement)
{
    struct bytes bytes = column_blob(statement, "checkpoint");
    struct digest_checkpoint checkpoint = { .count = bytes.count };

    if (bytes.count > sizeof(checkpoint.bytes))
        return (struct digest_checkpoint){ .count = 0 };
    if (bytes.count > 0)
        memcpy(checkpoint.bytes, bytes.data, bytes.count);
    return checkpoint;
}

/* NULL and 0 for none. */
static int column_copy(struct statement *statement, const char *name, uint8_t **ret_data,
                       size_t *ret_count)
{
    struct bytes bytes = column_blob(statement, name);

    if (bytes.count == 0)
        return 0;
    uint8_t *copy = malloc(bytes.count);
    if (copy == NULL)
        return fail_errno("memory for the %s of an upload", name);
    memcpy(copy, bytes.data, bytes.count);
    *ret_data = copy;
    *ret_count = bytes.count;
    return 0;
}

/* What is left of it when its row is gone. */
static int lookup_tombstone(struct db *db, const struct upload_id *id)
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
    return remembered ? REFUSED_GONE : REFUSED_UNKNOWN_UPLOAD;
}

static int lookup_row(struct db *db, const struct upload_id *id, struct lookup *ret_lookup)
{
    struct statement *find = db_prepare(db,
        "SELECT number, id, protocol, kind, state, length, offset, explicit_completion, created,"
        "       coalesce(appended, created) AS appended, expires, place,"
        "       digest_algorithm, digest, stated_digest, checkpoint, metadata, response,"
        "       (SELECT words FROM final WHERE final.number = upload.number) AS words"
        "  FROM upload JOIN progress USING (number)"
        " WHERE id = :id");

    bind_blob(find, ":id", bytes_of(id->bytes, UPLOAD_ID_BYTES));
    bool known = statement_next(find);
    struct lookup lookup = {
        .info = column_info(find),
        .number = column_u64(find, "number"),
        .checkpoint = column_checkpoint(find),
    };
    struct upload_info *info = &lookup.info;
    int copied = column_copy(find, "metadata", &info->metadata, &info->metadata_count);
    if (copied == 0)
        copied = column_copy(find, "response", &info->response, &info->response_count);
    if (copied == 0)
        copied = column_copy(find, "words", &info->words, &info->words_count);
    int r = statement_end(find);
    if (r == 0 && !known)
        r = REFUSED_UNKNOWN_UPLOAD;
    if (r == 0 && info->state == UPLOAD_DELETED)
        r = REFUSED_GONE;
    if (r == 0)
        r = copied;
    if (r != 0) {
        upload_info_done(info);
        return r;
    }

    *ret_lookup = lookup;
    return 0;
}

/* A row goes and its tombstone comes in one transaction: who misses the one finds the other. */
int lookup_upload(struct db *db, const struct upload_id *id, struct lookup *ret_lookup)
{
    int r = lookup_row(db, id, ret_lookup);
    return r == REFUSED_UNKNOWN_UPLOAD ? lookup_tombstone(db, id) : r;
}

/* A merge of what each state has in its order: no more is read than is taken. */
struct statement *lookup_keys(struct db *db, enum upload_wanted wanted,
                              const struct upload_cursor *before)
{
    struct statement *keys = db_prepare(db,
        "SELECT created, number"
        "  FROM listing"
        " WHERE state = 0"
        "   AND :receiving"
        "   AND (created, number) < (:created, :number)"
        " UNION ALL "
        "SELECT created, number"
        "  FROM listing"
        " WHERE state = 1"
        "   AND :complete"
        "   AND (created, number) < (:created, :number)"
        " UNION ALL "
        "SELECT created, number"
        "  FROM listing"
        " WHERE state = 2"
        "   AND :invalidated"
        "   AND (created, number) < (:created, :number)"
        " UNION ALL "
        "SELECT created, number"
        "  FROM listing"
        " WHERE state = 3"
        "   AND :damaged"
        "   AND (created, number) < (:created, :number)"
        " UNION ALL "
        "SELECT created, number"
        "  FROM listing"
        " WHERE state = 5"
        "   AND :verifying"
        "   AND (created, number) < (:created, :number)"
        " ORDER BY created DESC, number DESC");
    bool all = wanted == UPLOADS_ALL;

    bind_u64(keys, ":receiving", all || wanted == UPLOADS_STALLED);
    bind_u64(keys, ":complete", all || wanted == UPLOADS_COMPLETE);
    bind_u64(keys, ":invalidated", all || wanted == UPLOADS_INVALIDATED);
    bind_u64(keys, ":damaged", all || wanted == UPLOADS_DAMAGED);
    bind_u64(keys, ":verifying", all);
    bind_i64(keys, ":created", before->created);
    bind_u64(keys, ":number", before->number);
    return keys;
}

bool lookup_next_key(struct statement *keys, struct upload_cursor *ret_key)
{
    if (!statement_next(keys))
        return false;
    ret_key->created = column_i64(keys, "created");
    ret_key->number = column_u64(keys, "number");
    return true;
}

int lookup_number(struct db *db, uint64_t number, struct upload_info *ret_info)
{
    struct statement *find = db_prepare(db,
        "SELECT id, protocol, kind, state, length, offset, explicit_completion, created,"
        "       coalesce(appended, created) AS appended, expires, place,"
        "       digest_algorithm, digest, stated_digest, metadata"
        "  FROM upload JOIN progress USING (number)"
        " WHERE number = :number"
        "   AND state <> 4");

    bind_u64(find, ":number", number);
    bool known = statement_next(find);
    struct upload_info info = column_info(find);
    int copied = column_copy(find, "metadata", &info.metadata, &info.metadata_count);
    int r = statement_end(find);
    if (r == 0 && !known)
        r = REFUSED_UNKNOWN_UPLOAD;
    if (r == 0)
        r = copied;
    if (r != 0) {
        upload_info_done(&info);
        return r;
    }

    *ret_info = info;
    return 0;
}

int lookup_tally(struct db *db, uint64_t ret_uploads[static UPLOAD_STATES])
{
    struct statement *tally = db_prepare(db,
        "SELECT state, uploads"
        "  FROM tally");
    uint64_t uploads[UPLOAD_STATES] = { 0 };

    while (statement_next(tally)) {
        uint64_t state = column_u64(tally, "state");
        if (state < UPLOAD_STATES)
            uploads[state] = column_u64(tally, "uploads");
    }
    int r = statement_end(tally);
    if (r != 0)
        return r;

    memcpy(ret_uploads, uploads, sizeof(uploads));
    return 0;
}

static int collect_entries(struct statement *statement, struct lookup_entry *entries, size_t room,
                           size_t *ret_count)
{
    size_t count = 0;

    while (count < room && statement_next(statement)) {
        entries[count] = (struct lookup_entry){ .number = column_u64(statement, "number") };
        column_id(statement, &entries[count].id);
        count++;
    }
    int r = statement_end(statement);
    if (r != 0)
        return r;

    *ret_count = count;
    return 0;
}

int lookup_expired(struct db *db, int64_t now, struct lookup_entry *entries, size_t room,
                   size_t *ret_count)
{
    struct statement *expired = db_prepare(db,
        "SELECT progress.number AS number, id, kind, length, offset"
        "  FROM progress JOIN upload USING (number)"
        " WHERE progress.expires <= :now"
        "   AND (progress.state <> 1"
        "        OR NOT EXISTS (SELECT 1"
        "                         FROM part JOIN progress AS final ON final.number = part.final"
        "                        WHERE part.part = progress.number"
        "                          AND final.place = 1"
        "                          AND final.state <> 2))"
        " ORDER BY progress.expires"
        " LIMIT :room");

    size_t count = 0;

    bind_i64(expired, ":now", now);
    bind_u64(expired, ":room", room);
    for (; count < room && statement_next(expired); count++) {
        entries[count] = (struct lookup_entry){
            .number = column_u64(expired, "number"),
            .kind = (enum upload_kind)column_u64(expired, "kind"),
            .length_known = !column_null(expired, "length"),
            .length = column_u64(expired, "length"),
            .offset = column_u64(expired, "offset"),
        };
        column_id(expired, &entries[count].id);
    }
    int r = statement_end(expired);
    if (r != 0)
        return r;

    *ret_count = count;
    return 0;
}

int lookup_deleted(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                   size_t *ret_count)
{
    struct statement *deleted = db_prepare(db,
        "SELECT progress.number AS number, id"
        "  FROM progress INDEXED BY progress_deleted JOIN upload USING (number)"
        " WHERE progress.state = 4"
        "   AND progress.number > :after"
        "   AND NOT EXISTS (SELECT 1"
        "                     FROM part JOIN progress AS final ON final.number = part.final"
        "                    WHERE part.part = progress.number"
        "                      AND final.place = 1"
        "                      AND final.state <> 2)"
        " ORDER BY progress.number"
        " LIMIT :room");

    bind_u64(deleted, ":after", after);
    bind_u64(deleted, ":room", room);
    return collect_entries(deleted, entries, room, ret_count);
}

/* ---- finals ---- */

static int collect_by(struct statement *statement, uint64_t after, struct lookup_entry *entries,
                      size_t room, size_t *ret_count)
{
    bind_u64(statement, ":after", after);
    bind_u64(statement, ":room", room);
    return collect_entries(statement, entries, room, ret_count);
}

int lookup_verifying(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                     size_t *ret_count)
{
    struct statement *verifying = db_prepare(db,
        "SELECT number, id"
        "  FROM progress INDEXED BY progress_verifying JOIN upload USING (number)"
        " WHERE progress.state = 5"
        "   AND progress.number > :after"
        " ORDER BY progress.number"
        " LIMIT :room");

    return collect_by(verifying, after, entries, room, ret_count);
}

int lookup_joined(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                  size_t *ret_count)
{
    struct statement *joined = db_prepare(db,
        "SELECT number, id"
        "  FROM progress INDEXED BY progress_joined JOIN upload USING (number)"
        " WHERE progress.state = 1"
        "   AND progress.place = 1"
        "   AND progress.number > :after"
        " ORDER BY progress.number"
        " LIMIT :room");

    return collect_by(joined, after, entries, room, ret_count);
}

int lookup_freed(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                 size_t *ret_count)
{
    struct statement *freed = db_prepare(db,
        "SELECT number, id"
        "  FROM progress INDEXED BY progress_freed JOIN upload USING (number)"
        " WHERE progress.place = 2"
        "   AND progress.number > :after"
        " ORDER BY progress.number"
        " LIMIT :room");

    return collect_by(freed, after, entries, room, ret_count);
}

int lookup_copied(struct db *db, uint64_t final, uint64_t *ret_copied)
{
    struct statement *find = db_prepare(db,
        "SELECT copied"
        "  FROM final"
        " WHERE number = :number");

    bind_u64(find, ":number", final);
    (void)statement_next(find);
    *ret_copied = column_u64(find, "copied");
    return statement_end(find);
}

/* Room for one more, at least; NULL, and parts as they were, without memory. */
static struct upload_part_info *parts_grow(struct upload_part_info *parts, size_t *room)
{
    size_t more = *room == 0 ? 16 : *room * 2;
    struct upload_part_info *grown = realloc(parts, more * sizeof(*parts));

    if (grown != NULL)
        *room = more;
    return grown;
}

static int collect_parts(struct statement *list, struct upload_part_info **parts, size_t *count)
{
    size_t room = 0;
    uint64_t begin = 0;
    bool begin_known = true;

    while (statement_next(list)) {
        if (*count == room) {
            struct upload_part_info *grown = parts_grow(*parts, &room);
            if (grown == NULL)
                return fail_errno("memory for the parts of an upload");
            *parts = grown;
        }
        struct upload_part_info *part = &(*parts)[(*count)++];
        *part = (struct upload_part_info){
            .state = (enum upload_state)column_u64(list, "state"),
            .length_known = !column_null(list, "length"),
            .length = column_u64(list, "length"),
            .offset = column_u64(list, "offset"),
            .begin_known = begin_known,
            .begin = begin_known ? begin : 0,
        };
        column_id(list, &part->id);
        begin_known = begin_known && part->length_known;
        begin += part->length;
    }
    return 0;
}

int lookup_parts(struct db *db, uint64_t final, struct upload_part_info **ret_parts,
                 size_t *ret_count)
{
    struct statement *list = db_prepare(db,
        "SELECT id, state, length, offset"
        "  FROM part JOIN upload ON upload.number = part.part"
        "            JOIN progress ON progress.number = part.part"
        " WHERE final = :final"
        " ORDER BY sequence");
    struct upload_part_info *parts = NULL;
    size_t count = 0;

    bind_u64(list, ":final", final);
    int collected = collect_parts(list, &parts, &count);
    int r = statement_end(list);
    if (r == 0)
        r = collected;
    if (r != 0) {
        free(parts);
        return r;
    }

    *ret_parts = parts;
    *ret_count = count;
    return 0;
}

/* Neither damaged nor freed, and not deleted, but for parts that a final needs. */
#define HAS_CONTENT                                                                                 \
    "progress.state <> 3 AND progress.place < 2"                                                                      \
    "   AND (progress.state <> 4"                                                                            \
    "        OR EXISTS (SELECT 1"                                                                   \
    "                     FROM part JOIN progress AS final ON final.number = part.final"            \
    "                    WHERE part.part = upload.number"                                           \
    "                      AND final.place = 1"                                                     \
    "                      AND final.state NOT IN (2, 4)))"

int lookup_content_stays(struct db *db, const struct upload_id *id, bool filed, bool *ret_stays)
{
    struct statement *find = db_prepare(db,
        "SELECT place"
        "  FROM upload JOIN progress USING (number)"
        " WHERE id = :id"
        "   AND " HAS_CONTENT);

    bind_blob(find, ":id", bytes_of(id->bytes, UPLOAD_ID_BYTES));
    bool stays = statement_next(find) && (column_u64(find, "place") == 0) == filed;
    int r = statement_end(find);
    if (r != 0)
        return r;

    *ret_stays = stays;
    return 0;
}

int lookup_contents(struct db *db, uint64_t after, struct lookup_content *contents, size_t room,
                    size_t *ret_count)
{
    struct statement *list = db_prepare(db,
        "SELECT number, id, offset, place, digest_algorithm,"
        "       iif(state IN (1, 4), digest, NULL) AS digest"
        "  FROM upload JOIN progress USING (number)"
        " WHERE number > :after"
        "   AND " HAS_CONTENT
        " ORDER BY number"
        " LIMIT :room");
    size_t count = 0;

    bind_u64(list, ":after", after);
    bind_u64(list, ":room", room);
    for (; count < room && statement_next(list); count++) {
        contents[count] = (struct lookup_content){
            .number = column_u64(list, "number"),
            .filed = column_u64(list, "place") == 0,
            .length = column_u64(list, "offset"),
            .digest = column_digest(list, "digest"),
        };
        column_id(list, &contents[count].id);
    }
    int r = statement_end(list);
    if (r != 0)
        return r;

    *ret_count = count;
    return 0;
}

#undef HAS_CONTENT

int lookup_row_exists(struct db *db, const struct upload_id *id, bool *ret_exists)
{
    struct statement *find = db_prepare(db,
        "SELECT number"
        "  FROM upload"
        " WHERE id = :id");

    bind_blob(find, ":id", bytes_of(id->bytes, UPLOAD_ID_BYTES));
    bool exists = statement_next(find);
    int r = statement_end(find);
    if (r != 0)
        return r;

    *ret_exists = exists;
    return 0;
}
