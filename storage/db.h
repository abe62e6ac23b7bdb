#pragma once

/*
 * Database: SQL that reads
 *
 *     struct statement *find = db_prepare(db,
 *         "SELECT offset, length"
 *         "  FROM upload"
 *         " WHERE id = :id");
 *
 *     bind_blob(find, ":id", id);
 *     bool known = statement_next(find);
 *     uint64_t offset = column_u64(find, "offset");
 *     int r = statement_end(find);
 *
 * A statement remembers its first error: bind, step and read freely, ask once at the end.
 *
 *   Errors     0 or -errno, said in the log: -ENOSPC (the disk is full), -ENOMEM, -EIO, -EUCLEAN
 *              (not a sound database), -EBUSY, -EEXIST (a constraint said no)
 *   Ownership  db_open() gives the caller a database, db_close() takes it back, NULL is fine;
 *              statements belong to the database and last until statement_end()
 *   Threads    one at a time per database; calls block on the disk
 *   Durable    a transaction is on the disk when db_commit() returned 0
 *   Rules      one connection of a store writes, and it does every checkpoint: in SQLite before
 *              3.51.3 a checkpoint beside another writer can corrupt the log. Readers are short,
 *              because the log cannot start over while one is under way.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct db;
struct statement;

enum db_mode {
    DB_WRITER, /* creates it when it is missing */
    DB_READER,
};

int db_open(const char *path, enum db_mode mode, struct db **ret_db);

/*
 * Sets the database up for its one writer. Changes the file of a database that was not made by us, so look
 * whose it is before; no writing before.
 */
int db_begin_writing(struct db *db);
void db_close(struct db *db);
void db_closep(struct db **db);

/* Runs statements that yield nothing. */
int db_execute(struct db *db, const char *sql);

/* The integer that a pragma or a one-line query yields. */
int db_ask(struct db *db, const char *sql, int64_t *ret_value);

int db_begin(struct db *db);
int db_commit(struct db *db);    /* after a failure nothing of the transaction has happened */
void db_rollback(struct db *db); /* without a transaction: nothing */

/* The log keeps this size for good, so that commits need no space of a full disk. */
int db_grow_log(struct db *db, uint64_t bytes);

/* Pages in the log that a checkpoint has not written back. */
uint64_t db_log_pages(const struct db *db);

/* Writes the log back as far as readers allow. */
int db_checkpoint(struct db *db);

/* Rows that the last statement changed. */
uint64_t db_changed(const struct db *db);

/* sql must be a literal: it is compiled once per place and database. */
struct statement *db_prepare(struct db *db, const char *sql);

/* Bytes are borrowed until statement_end(). */
void bind_u64(struct statement *statement, const char *name, uint64_t value);
void bind_i64(struct statement *statement, const char *name, int64_t value);
void bind_blob(struct statement *statement, const char *name, struct bytes value);

/* True: there is a row. */
bool statement_next(struct statement *statement);

/* Of the row. What is missing or NULL reads as 0. Bytes are borrowed until the next step. */
uint64_t column_u64(struct statement *statement, const char *name);
int64_t column_i64(struct statement *statement, const char *name);
struct bytes column_blob(struct statement *statement, const char *name);
bool column_null(struct statement *statement, const char *name);

/* The first error, or 0; the statement can be used again. */
int statement_end(struct statement *statement);

/* statement_next() and statement_end() for what yields no rows. */
int statement_run(struct statement *statement);
