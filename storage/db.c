#define LOG_MODULE "db"
#include "storage/db.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "storage/seeded.h"
#include "storage/vfs.h"

enum {
    STATEMENT_COUNT = 64, /* places in our source that prepare one, per database */
    CHUNK_BYTES = 1024 * 1024,
    BUSY_MS = 5000,
    ZERO_BYTES = 64 * 1024,
};

struct statement {
    struct db *db;
    const char *sql;
    sqlite3_stmt *compiled;
    int code;   /* the first error of this use */
    int column; /* after the one that was asked for last */
};

struct db {
    sqlite3 *connection;
    uint64_t log_pages;
    size_t statement_count;
    struct statement statements[STATEMENT_COUNT];
};

/* ---- errors ---- */

static int code_errno(int code)
{
    if (code == SQLITE_IOERR_NOMEM)
        return ENOMEM;
    if (code == SQLITE_IOERR_SHMSIZE)
        return ENOSPC; /* the index of the log could not grow */
    switch (code & 0xff) {
    case SQLITE_FULL: return ENOSPC;
    case SQLITE_NOMEM: return ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return EBUSY;
    case SQLITE_CONSTRAINT: return EEXIST;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return EUCLEAN;
    case SQLITE_CANTOPEN: return ENOENT;
    case SQLITE_PERM:
    case SQLITE_READONLY: return EROFS;
    default: return EIO;
    }
}

static int db_fail(int code, const char *doing)
{
    int number = code_errno(code);

    if (number == EUCLEAN)
        log_error("ferry.db is corrupt, or no database; restore it from a backup code=%d", code);
    else
        log_error("%.50s: %s code=%d", doing, sqlite3_errstr(code), code);
    return -number;
}

/* ---- the connection ---- */

static int db_log_grew(void *argument, sqlite3 *connection, const char *name, int pages)
{
    struct db *db = argument;

    (void)connection, (void)name;
    db->log_pages = (uint64_t)pages;
    return SQLITE_OK;
}

int db_begin_writing(struct db *db)
{
    int keep = 1;
    int chunk = CHUNK_BYTES;

    int r = db_execute(db,
                       "PRAGMA journal_mode = WAL;"
                       "PRAGMA wal_autocheckpoint = 0;"
                       "PRAGMA mmap_size = 0;"
                       "PRAGMA secure_delete = OFF;"
                       "PRAGMA cache_size = -65536");
    if (r != 0)
        return r;

    r = db_execute(db, seeded(SEEDED_SYNCHRONOUS_NORMAL) ? "PRAGMA synchronous = NORMAL"
                                                         : "PRAGMA synchronous = FULL");
    if (r != 0)
        return r;

    (void)sqlite3_file_control(db->connection, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    (void)sqlite3_file_control(db->connection, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    (void)sqlite3_wal_hook(db->connection, db_log_grew, db);
    return 0;
}

static int db_set_up_reader(struct db *db)
{
    return db_execute(db,
                      "PRAGMA query_only = ON;"
                      "PRAGMA temp_store = MEMORY;"
                      "PRAGMA mmap_size = 0;"
                      "PRAGMA cache_size = -4096");
}

/* What does not fit into memory, of a large sort or of a statement that may have to be undone, goes beside the
 * database: a confined server can write nowhere else. Of the process: one writer is open at a time. */
static int db_keep_temporary_beside(const char *path)
{
    char *directory = sqlite3_mprintf("%.*s", (int)(strrchr(path, '/') - path), path);
    if (directory == NULL)
        return fail_code(ENOMEM, "memory for the database");
    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory = directory;
    return 0;
}

int db_open(const char *path, enum db_mode mode, struct db **ret_db)
{
    CLEANUP(db_closep) struct db *db = NULL;
    int flags =
        mode == DB_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;

    int r = vfs_register();
    if (r == 0 && mode == DB_WRITER)
        r = db_keep_temporary_beside(path);
    if (r != 0)
        return r;

    db = calloc(1, sizeof(*db));
    if (db == NULL)
        return fail_errno("memory for the database");

    flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    int code = sqlite3_open_v2(path, &db->connection, flags, VFS_NAME);
    if (code != SQLITE_OK)
        return db_fail(code, "open the database");
    (void)sqlite3_extended_result_codes(db->connection, 1);
    (void)sqlite3_busy_timeout(db->connection, BUSY_MS);

    r = mode == DB_READER ? db_set_up_reader(db) : 0;
    if (r != 0)
        return r;

    *ret_db = TAKE_PTR(db);
    return 0;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->statement_count; i++)
        (void)sqlite3_finalize(db->statements[i].compiled);
    (void)sqlite3_close(db->connection);
    free(db);
}

void db_closep(struct db **db)
{
    db_close(*db);
}

int db_execute(struct db *db, const char *sql)
{
    int code = sqlite3_exec(db->connection, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : db_fail(code, sql);
}

int db_ask(struct db *db, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *compiled = NULL;

    int code = sqlite3_prepare_v2(db->connection, sql, -1, &compiled, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(compiled);
    int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(compiled, 0) : 0;
    (void)sqlite3_finalize(compiled);
    if (code != SQLITE_ROW)
        return db_fail(code, sql);

    *ret_value = value;
    return 0;
}

/* ---- transactions and the log ---- */

int db_begin(struct db *db)
{
    return statement_run(db_prepare(db, "BEGIN IMMEDIATE"));
}

int db_commit(struct db *db)
{
    int r = statement_run(db_prepare(db, "COMMIT"));
    if (r != 0)
        db_rollback(db);
    return r;
}

void db_rollback(struct db *db)
{
    /* some errors have rolled back already; a rollback itself has nothing that can fail */
    if (!sqlite3_get_autocommit(db->connection))
        (void)sqlite3_exec(db->connection, "ROLLBACK", NULL, NULL, NULL);
}

/*
 * Zeros behind the last frame are no frames: reading the log stops where the salt ends. The log is
 * reached through SQLite's own handle, because a second open() and close() of the file in this
 * process would drop SQLite's locks.
 */
int db_grow_log(struct db *db, uint64_t bytes)
{
    static const uint8_t zeros[ZERO_BYTES];
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;

    int code = sqlite3_file_control(db->connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code == SQLITE_OK && (log == NULL || log->pMethods == NULL))
        code = SQLITE_MISUSE;
    if (code == SQLITE_OK)
        code = log->pMethods->xFileSize(log, &size);
    for (uint64_t at = (uint64_t)size; code == SQLITE_OK && at < bytes; at += ZERO_BYTES)
        code = log->pMethods->xWrite(log, zeros, ZERO_BYTES, (sqlite3_int64)at);
    if (code == SQLITE_OK && (uint64_t)size < bytes)
        code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    return code == SQLITE_OK ? 0 : db_fail(code, "grow the log of the database");
}

uint64_t db_log_pages(const struct db *db)
{
    return db->log_pages;
}

int db_checkpoint(struct db *db)
{
    int pages = 0;
    int done = 0;

    int code =
        sqlite3_wal_checkpoint_v2(db->connection, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
    if (code != SQLITE_OK)
        return db_fail(code, "write the log of the database back");
    db->log_pages = (uint64_t)(pages - done);
    return 0;
}

uint64_t db_changed(const struct db *db)
{
    return (uint64_t)sqlite3_changes64(db->connection);
}

/* ---- statements ---- */

struct statement *db_prepare(struct db *db, const char *sql)
{
    struct statement *statement = NULL;

    for (size_t i = 0; i < db->statement_count && statement == NULL; i++)
        if (db->statements[i].sql == sql)
            statement = &db->statements[i];
    if (statement == NULL) {
        assert(db->statement_count < STATEMENT_COUNT);
        statement = &db->statements[db->statement_count++];
        *statement = (struct statement){ .db = db, .sql = sql };
    }
    if (statement->compiled == NULL)
        statement->code = sqlite3_prepare_v3(db->connection, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                             &statement->compiled, NULL);
    return statement;
}

static void statement_note(struct statement *statement, int code)
{
    if (statement->code == SQLITE_OK)
        statement->code = code;
}

static int parameter_index(struct statement *statement, const char *name)
{
    int index = sqlite3_bind_parameter_index(statement->compiled, name);
    assert(index > 0 || statement->compiled == NULL);
    return index;
}

void bind_i64(struct statement *statement, const char *name, int64_t value)
{
    if (statement->code == SQLITE_OK)
        statement_note(statement, sqlite3_bind_int64(statement->compiled,
                                                     parameter_index(statement, name), value));
}

void bind_u64(struct statement *statement, const char *name, uint64_t value)
{
    assert(value <= INT64_MAX);
    bind_i64(statement, name, (int64_t)value);
}

void bind_blob(struct statement *statement, const char *name, struct bytes value)
{
    if (statement->code == SQLITE_OK)
        statement_note(statement,
                       sqlite3_bind_blob64(statement->compiled, parameter_index(statement, name),
                                           value.data, value.count, SQLITE_STATIC));
}

bool statement_next(struct statement *statement)
{
    if (statement->code != SQLITE_OK)
        return false;

    int code = sqlite3_step(statement->compiled);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        statement_note(statement, code);
    return code == SQLITE_ROW;
}

/* -1 when there is no row to read from. Who reads a row asks for its columns in their order, more or less: the
 * next one is looked at first. */
static int column_index(struct statement *statement, const char *name)
{
    int count = sqlite3_data_count(statement->compiled);

    for (int i = 0; i < count; i++) {
        int index = (statement->column + i) % count;
        const char *column = sqlite3_column_name(statement->compiled, index);
        if (column != NULL && strcmp(column, name) == 0) {
            statement->column = index + 1;
            return index;
        }
    }
    assert(count == 0);
    return -1;
}

int64_t column_i64(struct statement *statement, const char *name)
{
    int index = column_index(statement, name);
    return index < 0 ? 0 : sqlite3_column_int64(statement->compiled, index);
}

uint64_t column_u64(struct statement *statement, const char *name)
{
    return (uint64_t)column_i64(statement, name);
}

struct bytes column_blob(struct statement *statement, const char *name)
{
    int index = column_index(statement, name);

    if (index < 0)
        return bytes_of(NULL, 0);
    const void *data = sqlite3_column_blob(statement->compiled, index);
    return bytes_of(data,
                    data == NULL ? 0 : (size_t)sqlite3_column_bytes(statement->compiled, index));
}

bool column_null(struct statement *statement, const char *name)
{
    int index = column_index(statement, name);
    return index < 0 || sqlite3_column_type(statement->compiled, index) == SQLITE_NULL;
}

int statement_end(struct statement *statement)
{
    int code = statement->code;

    statement->code = SQLITE_OK;
    if (statement->compiled != NULL) {
        (void)sqlite3_reset(statement->compiled);
        (void)sqlite3_clear_bindings(statement->compiled);
    }
    return code == SQLITE_OK ? 0 : db_fail(code, statement->sql);
}

int statement_run(struct statement *statement)
{
    (void)statement_next(statement);
    return statement_end(statement);
}
