#pragma once

/*
 * Catalog: the state of all uploads
 *
 * One thread owns the only connection that writes. It makes one transaction of all changes that
 * wait, so a commit costs one sync however many uploads share it, and it writes the log back when
 * that has grown or nothing else is to do. Readers borrow one of a few read-only connections.
 *
 *   Errors     0; a refusal; -errno. A change on a full disk is REFUSED_NO_SPACE.
 *   Threads    catalog_submit...() from any and never block; what reads blocks
 *   Durable    when the done of a change is called with 0, it survives a power cut
 *   Failures   an I/O error or corruption that the writer meets ends the process
 */

#include <stdint.h>

#include "base/histogram.h"
#include "storage/change.h"
#include "storage/db.h"
#include "storage/observer.h"

struct catalog;

struct catalog_options {
    const char *path;
    uint64_t wal_bytes;
    uint32_t readers;
    struct observer observer;
};

int catalog_open(const struct catalog_options *options, struct catalog **ret_catalog);

/* Answers every change that was submitted, then closes. Blocks. NULL is fine. */
void catalog_close(struct catalog *catalog);

/* The change is the catalog's until its done is called. */
void catalog_submit(struct catalog *catalog, struct change *change);

/* At least one, linked by next up to NULL: all of them go into the same transaction. */
void catalog_submit_chain(struct catalog *catalog, struct change *changes);

/* A connection for one query; waits for one of the other readers when all are in use. */
struct db *catalog_reader(struct catalog *catalog);
void catalog_reader_return(struct catalog *catalog, struct db *reader);

struct catalog_statistics {
    uint64_t groups, changes;
    uint64_t created, completed, deleted; /* uploads, by changes that were made */
};

struct catalog_statistics catalog_statistics(struct catalog *catalog);

/* What storage/store.h says of transactions. */
struct catalog_meters {
    struct histogram wait, transaction, batch;
};

const struct catalog_meters *catalog_meters(const struct catalog *catalog);
