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

/* Of the row, all but the metadata. */
static struct upload_info column_info(struct statement *statement)
{
    struct upload_info info = {
        .protocol = (uint8_t)column_u64(statement, "protocol"),
        .kind = (enum upload_kind)column_u64(statement, "kind"),
        .state = (enum upload_state)column_u64(statement, "state"),
        .length_known = !column_null(statement, "length"),
        .length = column_u64(statement, "length"),
        .offset = column_u64(statement, "offset"),
        .created = column_i64(statement, "created"),
        .expires = column_i64(statement, "expires"),
        .digest = (enum upload_digest)column_u64(statement, "digest_algorithm"),
    };
    column_id(statement, &info.id);
    return info;
}

static int column_metadata(struct statement *statement, struct upload_info *info)
{
    struct bytes metadata = column_blob(statement, "metadata");

    if (metadata.count == 0)
        return 0;
    info->metadata = malloc(metadata.count);
    if (info->metadata == NULL)
        return fail_errno("memory for the metadata of an upload");
    memcpy(info->metadata, metadata.data, metadata.count);
    info->metadata_count = metadata.count;
    return 0;
}

int lookup_upload(struct db *db, const struct upload_id *id, struct upload_info *ret_info,
                  uint64_t *ret_number)
{
    struct statement *find = db_prepare(db,
        "SELECT number, id, protocol, kind, state, length, offset, created, expires,"
        "       digest_algorithm, metadata"
        "  FROM upload JOIN progress USING (number)"
        " WHERE id = :id");

    bind_blob(find, ":id", bytes_of(id->bytes, UPLOAD_ID_BYTES));
    bool known = statement_next(find);
    struct upload_info info = column_info(find);
    uint64_t number = column_u64(find, "number");
    int copied = column_metadata(find, &info);
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
    *ret_number = number;
    return 0;
}

int lookup_page(struct db *db, struct upload_page *page)
{
    struct statement *list = db_prepare(db,
        "SELECT number, id, protocol, kind, state, length, offset, created, expires,"
        "       digest_algorithm"
        "  FROM upload JOIN progress USING (number)"
        " WHERE number < :before"
        "   AND state <> 4"
        " ORDER BY number DESC"
        " LIMIT :room");
    size_t count = 0;
    uint64_t last = 0;

    bind_u64(list, ":before", page->before == 0 ? INT64_MAX : page->before);
    bind_u64(list, ":room", page->room);
    while (statement_next(list) && count < page->room) {
        page->infos[count++] = column_info(list);
        last = column_u64(list, "number");
    }
    int r = statement_end(list);
    if (r != 0)
        return r;

    page->count = count;
    page->before = count < page->room ? 0 : last;
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
        "SELECT number, id"
        "  FROM progress JOIN upload USING (number)"
        " WHERE expires <= :now"
        " ORDER BY expires"
        " LIMIT :room");

    bind_i64(expired, ":now", now);
    bind_u64(expired, ":room", room);
    return collect_entries(expired, entries, room, ret_count);
}

int lookup_deleted(struct db *db, uint64_t after, struct lookup_entry *entries, size_t room,
                   size_t *ret_count)
{
    struct statement *deleted = db_prepare(db,
        "SELECT number, id"
        "  FROM progress INDEXED BY progress_deleted JOIN upload USING (number)"
        " WHERE progress.state = 4"
        "   AND progress.number > :after"
        " ORDER BY progress.number"
        " LIMIT :room");

    bind_u64(deleted, ":after", after);
    bind_u64(deleted, ":room", room);
    return collect_entries(deleted, entries, room, ret_count);
}
