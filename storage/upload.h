#pragma once

/*
 * Upload resources
 *
 * An upload resource collects the bytes of one upload. Its offset is the number of bytes a client
 * may rely on: they survive a power cut. It never decreases.
 *
 *   Terms      upload resource, offset, length, complete: draft-ietf-httpbis-resumable-upload and
 *              tus 1.0.0
 *   Units      offset and length in bytes; times in seconds since 1970-01-01 UTC
 *   Errors     0; enum refusal (> 0), what the client is to be told; -errno (< 0) when the
 *              machine failed
 *   Waiting    no function here blocks: they are made for event loops. What takes a struct done
 *              answers through it (storage/done.h). Where such a function returns an int, anything
 *              but 0 means: not begun, and done will not be called.
 *              storage/blocking.h has the same functions for callers that may wait.
 *   Ownership  upload_open() gives the caller an upload, upload_close() takes it back, NULL is
 *              fine. Whatever is passed by pointer is borrowed for the call, except ret_...
 *              pointers and those in a struct done, which are used until done was called.
 *   Threads    any thread, one call at a time per upload, one unanswered done per upload
 *   Durable    upload_append() adds bytes; after upload_commit() answered 0 they count. Storage
 *              commits by itself too, by size and by age, and when an upload is closed.
 *
 * Calling sequence:  upload_open  { upload_append  upload_when_ready }
 *                    upload_commit or upload_finish  upload_close
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "digest/digest_algorithm.h"
#include "storage/content.h"
#include "storage/done.h"
#include "storage/id.h"

struct store;
struct upload;

enum upload_kind {
    UPLOAD_SINGLE = 0,  /* bytes of its own, wanted for themselves */
    UPLOAD_PARTIAL = 1, /* bytes of its own, to become part of a final one */
    UPLOAD_FINAL = 2,   /* the concatenation of partial ones */
};

/*
 *   upload_create     upload_finish
 *  ------------> RECEIVING -----> COMPLETE ---.
 *                 |  |  |                     | upload_delete
 *        expired  |  |  `-> INVALIDATED ------+------------> DELETED -> row and file are gone
 *                 |  `----> DAMAGED ----------'                ^
 *                 `--------------------------------------------'
 */
enum upload_state {
    UPLOAD_RECEIVING = 0,
    UPLOAD_COMPLETE = 1,    /* all bytes are there: see explicit_completion */
    UPLOAD_INVALIDATED = 2, /* upload_invalidate(): no more appends */
    UPLOAD_DAMAGED = 3,     /* the disk lost or refused bytes of it, or they have not the stated
                             * digest; its file is kept */
    UPLOAD_DELETED = 4,     /* only its file has to go yet */
};

enum {
    UPLOAD_RESPONSE_BYTES = 16 * 1024,
};

struct upload_info {
    struct upload_id id;
    uint8_t protocol; /* as it was given to upload_create(); storage gives it no meaning */
    enum upload_kind kind;
    enum upload_state state;
    bool length_known;
    uint64_t length;
    uint64_t offset;
    bool explicit_completion; /* as given to upload_create() */
    int64_t created;
    int64_t appended; /* when the offset last grew; created as long as it has not */
    int64_t expires;  /* 0: never */
    bool writing;     /* somebody had it open for writing; upload_find() only */

    enum digest_algorithm digest_algorithm; /* of the running digest */
    struct digest_value digest;             /* of the whole; none until all bytes are there */
    struct digest_value stated;             /* as given to upload_create() */

    uint8_t *metadata; /* as given to upload_create(); NULL when there is none */
    size_t metadata_count;
    uint8_t *response; /* as given to upload_set_response(); NULL when there is none */
    size_t response_count;
};

/* Frees what the info owns; a zeroed one is fine. */
void upload_info_done(struct upload_info *info);

/* ---- any upload ---- */

struct upload_creation {
    uint8_t protocol;
    enum upload_kind kind; /* UPLOAD_SINGLE or UPLOAD_PARTIAL */
    bool length_known;
    uint64_t length;

    /*
     * False: the upload is complete when its offset is its length, by the commit that counts the last
     * byte, whoever asked for that commit. True: upload_finish() alone completes it.
     */
    bool explicit_completion;

    /* The digest that is kept while bytes come: DIGEST_NONE, DIGEST_BLAKE2B or DIGEST_SHA256. */
    enum digest_algorithm digest_algorithm;

    /* What it has to be in the end, of that algorithm; of DIGEST_NONE when nobody knows. */
    struct digest_value stated;

    struct bytes metadata;
};

/*
 * Makes an upload with offset 0. Its id is in ret_id when the call returns 0, and the upload
 * exists, even after a power cut, when done was called with 0.
 *
 * Refuses with REFUSED_NO_SPACE below the free-space floor or when the database is full, and with
 * REFUSED_TOO_LONG for a length of more than INT64_MAX.
 */
int upload_create(struct store *store, const struct upload_creation *creation,
                  struct upload_id *ret_id, struct done done);

/*
 * Only looks: ends no writer, takes no lock. The caller frees ret_info by upload_info_done().
 *
 * Refuses with REFUSED_UNKNOWN_UPLOAD, or REFUSED_GONE for one that was deleted or has expired, as
 * long as that is remembered (store_options). All other states are found and told.
 */
int upload_find(struct store *store, const struct upload_id *id, struct upload_info *ret_info,
                struct done done);

/* Where its bytes lie: an absolute path, to be freed by the caller; NULL when there is no memory. */
char *upload_path(const struct store *store, const struct upload_id *id);

/*
 * A page of uploads by their creation, newest first. page->before is 0 for the first page; the
 * answer sets it for the next one, or to 0 when this was the last. Metadata is left out. The
 * caller owns the room of page->infos.
 */
struct upload_page {
    uint64_t before; /* opaque */
    struct upload_info *infos;
    size_t room;
    size_t count; /* set by the answer */
};

int upload_list(struct store *store, struct upload_page *page, struct done done);

/*
 * The bytes of a complete upload for reading, which are there even when the upload is deleted meanwhile:
 * see storage/content.h. The content is the caller's.
 *
 * Refuses with REFUSED_UNKNOWN_UPLOAD, REFUSED_GONE, REFUSED_DAMAGED, REFUSED_INVALIDATED, or
 * REFUSED_INCOMPLETE.
 */
int upload_read(struct store *store, const struct upload_id *id, struct content **ret_content,
                struct done done);

/* ---- one writer at a time ---- */

struct upload_writer {
    /*
     * A newer writer wants the upload: close it soon. Called once at most, on any thread, possibly
     * before upload_open() has answered, never after upload_close() was called or upload_open()
     * has refused; afterwards upload_append() refuses with REFUSED_ENDED.
     * Runs under a lock of storage: it must only mark and wake, and must not call storage.
     */
    void (*ended)(void *argument);
    void *argument;
    uint32_t patience_ms; /* how long to wait for an older writer's end */
};

/*
 * Opens an upload for the caller alone. An older writer is ended, what it had appended is
 * committed, and then done is called; the upload is in ret_upload before that. An upload in any
 * state but DELETED can be opened; upload_info() tells what can be done with it. Its file was
 * looked at: when it is shorter than the offset, the upload is DAMAGED.
 *
 * Refuses with REFUSED_UNKNOWN_UPLOAD, REFUSED_GONE, REFUSED_LOCKED when the older writer did not
 * let go in time, and REFUSED_ENDED when a still newer one came while this one waited.
 */
int upload_open(struct store *store, const struct upload_id *id, const struct upload_writer *writer,
                struct upload **ret_upload, struct done done);

/*
 * Lets go of the upload. Never waits: storage commits what was appended (staged bytes are dropped)
 * on its own threads, then lets the next writer in. Every done of this upload must have been called.
 */
void upload_close(struct upload *upload);
void upload_closep(struct upload **upload);

/* As it was when opened, kept up to date by this writer's own calls. Borrowed until the close. */
const struct upload_info *upload_info(const struct upload *upload);

/* What a client may be told: grows only, and only by bytes that are safe. */
uint64_t upload_offset(const struct upload *upload);

/* Where the next byte goes: the offset and what was appended since. */
uint64_t upload_received(const struct upload *upload);

/* A newer writer has asked for the upload. */
bool upload_ended(const struct upload *upload);

/*
 * From here on appended bytes count only when upload_commit() or upload_finish() is called:
 * nothing is committed by size or age, and upload_rollback() takes them back. For requests that
 * carry a checksum, whose algorithm is computed while the bytes pass; DIGEST_NONE when it will be
 * known only in the end. Before the first byte only.
 */
void upload_stage(struct upload *upload, enum digest_algorithm algorithm);

/*
 * Compares the digest of all staged bytes with a checksum. Where it was not computed while they
 * passed, they are read again for it. Nothing is committed by it, whatever the answer.
 *
 * Refuses with REFUSED_CHECKSUM_MISMATCH; with REFUSED_ENDED when a newer writer came while they were
 * read; and as upload_commit() does.
 */
void upload_verify(struct upload *upload, const struct digest_value *checksum, struct done done);

/*
 * Copies bytes behind the last one; ret_taken says how many found room. When less than all did,
 * upload_when_ready() tells when to go on.
 *
 * Refuses with REFUSED_ENDED, REFUSED_COMPLETED, REFUSED_INVALIDATED, REFUSED_DAMAGED,
 * REFUSED_TOO_LONG when the length would be passed (nothing is taken then), REFUSED_NO_SPACE; or
 * with the failure that an earlier write met. What was taken before is kept in all these cases.
 */
int upload_append(struct upload *upload, struct bytes bytes, size_t *ret_taken);

/* Calls done when there is room again, with what upload_append() would refuse by, or 0. */
void upload_when_ready(struct upload *upload, struct done done);

/*
 * Makes everything that was appended durable. With any other result than 0 a part of it may be
 * durable nevertheless: upload_offset() tells how much. REFUSED_NO_SPACE: the disk is full, the
 * prefix that fitted is durable. An upload whose file cannot be written or synced becomes DAMAGED;
 * this writer gets the failure, later ones REFUSED_DAMAGED. A write that the kernel refused for
 * want of memory or the like ends only this writer: later ones go on from upload_offset().
 */
void upload_commit(struct upload *upload, struct done done);

/*
 * Keeps a copy of a response with the upload, from the moment when it is complete, whichever commit of
 * this writer makes it so: for the client that lost it. At most UPLOAD_RESPONSE_BYTES; once at most.
 * 0 or -ENOMEM.
 */
int upload_set_response(struct upload *upload, struct bytes response);

/*
 * Makes everything durable and the upload complete, with its digest and response, in one step. The
 * length becomes the offset when it was not known. Fine when the upload was complete already and
 * nothing was appended since.
 *
 * Refuses with REFUSED_TOO_SHORT when the length is known and not reached (nothing is lost, the
 * upload is committed and goes on); with REFUSED_DIGEST_MISMATCH when the digest is not the stated
 * one, and then the upload is DAMAGED, its bytes and both digests are kept until it expires; and as
 * upload_commit() and upload_append() do.
 */
void upload_finish(struct upload *upload, struct done done);

/* Staged bytes count like all others from here on, verified or not: the next commit takes them, or
 * that of the close. */
void upload_unstage(struct upload *upload);

/* Forgets staged bytes: the upload ends again where it did before. */
void upload_rollback(struct upload *upload, struct done done);

/*
 * States a length that was not known, durably. The same length again is fine. When that is where the
 * upload ends, and its completion is not explicit, it does what upload_finish() does.
 *
 * Refuses with REFUSED_LENGTH_MISMATCH when another one is known, REFUSED_TOO_SHORT when more
 * bytes are there already, REFUSED_TOO_LONG for more than INT64_MAX.
 */
void upload_set_length(struct upload *upload, uint64_t length, struct done done);

/* No more appends from now on, durably. Refuses with REFUSED_COMPLETED, REFUSED_DAMAGED. */
void upload_invalidate(struct upload *upload, struct done done);

/*
 * Gone for everybody, even after a power cut, when done is called with 0; the janitor removes the
 * file soon after. Works on a full disk. Only upload_close() may follow.
 */
void upload_delete(struct upload *upload, struct done done);
