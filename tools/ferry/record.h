#pragma once

/*
 * Records: what a later run must know to go on with an upload
 *
 *   Shape      <key>.json in the state folder (state.h); the key is made from the file's real path
 *              and the endpoint's URL, both are in the record too
 *   Durable    record_save() and record_forget() hold after a power cut when they return 0:
 *              temporary file, fsync, rename, fsync of the folder
 *   Threads    one process per record: <key>.lock is locked while the record is open
 *   Errors     0; RECORD_BUSY; -errno, said once
 *   Ownership  record_close() takes it back; NULL is fine
 */

#include "tools/ferry/source.h"

enum {
    RECORD_BUSY = 1, /* another process has it open */
};

struct record;

int record_open(const char *path, const char *endpoint, struct record **ret_record);
void record_close(struct record *record);
static inline void record_closep(struct record **record)
{
    record_close(*record);
}

/* The URL of the upload that was begun, borrowed; NULL when there is none. */
const char *record_upload(const struct record *record);

/* What the file was when the upload began. */
const struct identity *record_identity(const struct record *record);

int record_save(struct record *record, const char *upload, const struct identity *identity);
int record_forget(struct record *record);
