#define LOG_MODULE "schema"
#include "storage/schema.h"

#include <errno.h>
#include <stdio.h>

#include "base/fail.h"

enum {
    APPLICATION_ID = 0x46657272, /* "Ferr", as schema_1.sql sets it */
};

extern const char schema_1_sql[];
extern const char schema_2_sql[];
extern const char schema_3_sql[];
extern const char schema_4_sql[];

/* Step n takes the database from user_version n to n + 1. Steps are never changed, only added. */
static const char *const schema_steps[] = {
    schema_1_sql,
    schema_2_sql,
    schema_3_sql,
    schema_4_sql,
};

enum {
    SCHEMA_VERSION = sizeof(schema_steps) / sizeof(schema_steps[0]),
};

static int schema_step(struct db *db, int64_t version)
{
    char pragma[64];

    (void)snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", (int)version + 1);
    int r = db_begin(db);
    if (r == 0)
        r = db_execute(db, schema_steps[version]);
    if (r == 0)
        r = db_execute(db, pragma);
    if (r == 0)
        return db_commit(db);

    db_rollback(db);
    return r;
}

/* An empty database has none of these; anything else that is not ours stays untouched. */
static int schema_refuse(int64_t application, int64_t version, int64_t objects)
{
    if (application != APPLICATION_ID && (application != 0 || version != 0 || objects != 0))
        return fail_code(EPROTO, "ferry.db belongs to another program");
    if (version > SCHEMA_VERSION)
        return fail_code(EPROTO, "ferry.db was made by a newer Ferry: schema %d, known up to %d",
                         (int)version, SCHEMA_VERSION);
    return 0;
}

/* Whose the database is, and of which version; refused when it is not for us. */
static int schema_read_version(struct db *db, int64_t *ret_version)
{
    int64_t application, objects;

    int r = db_ask(db, "PRAGMA application_id", &application);
    if (r != 0)
        return r;

    r = db_ask(db, "PRAGMA user_version", ret_version);
    if (r != 0)
        return r;

    r = db_ask(db, "SELECT count(*) FROM sqlite_schema", &objects);
    return r != 0 ? r : schema_refuse(application, *ret_version, objects);
}

int schema_apply(struct db *db)
{
    int64_t version;

    int r = schema_read_version(db, &version);
    if (r == 0)
        r = db_begin_writing(db);
    for (; r == 0 && version < SCHEMA_VERSION; version++)
        r = schema_step(db, version);
    return r;
}

int schema_expect(struct db *db)
{
    int64_t version;

    int r = schema_read_version(db, &version);
    if (r == 0 && version < SCHEMA_VERSION)
        return fail_code(EPROTO,
                         "ferry.db is of an older Ferry: start the server once; schema %d of %d",
                         (int)version, SCHEMA_VERSION);
    return r;
}
