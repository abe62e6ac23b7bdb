#pragma once

/*
 * Records: what a later run must know to go on with an upload or a download
 *
 *   Parts      an upload is one part, or several that are joined in the end, in the order of their
 *              numbers
 *   Shape      <key>.json in the state folder (state.h); the key is made from the file's real path
 *              and the URL that the command was given, both are in the record too. Of a download
 *              whose name the server chooses, the path is that of the folder, with a slash behind
 *   Durable    record_save() and record_forget() hold after a power cut when they return 0:
 *              temporary file, fsync, rename, fsync of the folder
 *   Threads    one process per record: <key>.lock is locked while the record is open. In it threads
 *              may save parts of their own
 *   Errors     0; RECORD_BUSY; -errno, said once
 *   Ownership  record_close() takes it back; NULL is fine
 */

#include "tools/ferry/sink.h"
#include "tools/ferry/source.h"

enum {
    RECORD_BUSY = 1, /* another process has it open */
    RECORD_PARTS_MAX = 32,
    RECORD_JOIN_KEY_BYTES = 33, /* 16 random bytes in hexadecimal */
};

struct record;

int record_open(const char *path, const char *endpoint, struct record **ret_record);
void record_close(struct record *record);
static inline void record_closep(struct record **record)
{
    record_close(*record);
}

/* Something of an upload was begun. */
bool record_begun(const struct record *record);

/* How many parts the upload that was begun has; 0: none was. */
size_t record_part_count(const struct record *record);

/* The URL of a part, borrowed; NULL when it was not begun. */
const char *record_upload(const struct record *record, size_t part);

/* What the file was when the upload began, and the name of the protocol that it was begun by. */
const struct identity *record_identity(const struct record *record);
const char *record_protocol(const struct record *record);

/* What the request that joins the parts is known by. */
const char *record_join_key(const struct record *record);
int record_renew_join_key(struct record *record);

/* An upload is to begin, of so many parts; saved with the first of them. */
int record_begin(struct record *record, const char *protocol, const struct identity *identity,
                 size_t part_count);
int record_save(struct record *record, size_t part, const char *upload);

/* There is nothing to go on with of this part. */
int record_drop(struct record *record, size_t part);

/* Of a download: the path of the file it becomes, which tells that there is one; or NULL. */
const char *record_target(const struct record *record);

/* The entity tag that the bytes of the part have; NULL: none to rely on. Its part's birth. */
const char *record_etag(const struct record *record);
const struct birth *record_birth(const struct record *record);

/* The etag may be NULL. */
int record_save_download(struct record *record, const char *target, const char *etag,
                         const struct birth *birth);

int record_forget(struct record *record);
