#pragma once

/*
 * Schema: makes a database ours and brings an older one up to date
 *
 *   Errors   -EPROTO for the database of a newer Ferry or of another program, -EUCLEAN for one
 *            that is not sound, both said in one line; else as storage/db.h
 *   Durable  each step is one transaction: a crash leaves the version before or after it
 */

#include "storage/db.h"

int schema_apply(struct db *db);

/* For who only reads: the database is ours and of the present schema, and nothing is changed. */
int schema_expect(struct db *db);
