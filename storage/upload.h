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
 *
 * A final upload is RECEIVING while a part is not complete. The last one's completion makes it COMPLETE, in
 * the same transaction, or VERIFYING where a digest was stated: once that is computed, in the background, it
 * is COMPLETE or DAMAGED. When a part that is not complete is deleted or expires, or is lost, the final is
 * INVALIDATED.
 */
enum upload_state {
    UPLOAD_RECEIVING = 0,
    UPLOAD_COMPLETE = 1,    /* all bytes are there: see explicit_completion */
    UPLOAD_INVALIDATED = 2, /* upload_invalidate(): no more appends; a final lost a part */
    UPLOAD_DAMAGED = 3,     /* the disk lost or refused bytes of it, or they have not the stated
                             * digest; its file is kept */
    UPLOAD_DELETED = 4,     /* only its file has to go yet */
    UPLOAD_VERIFYING = 5,   /* a final with all its bytes, of which the stated digest is not proven yet */
};

enum {
    UPLOAD_STATES = UPLOAD_VERIFYING + 1
};

enum {
    UPLOAD_RESPONSE_BYTES = 16 * 1024,
    UPLOAD_PARTS = 10000,     /* of a final upload, at most */
    UPLOAD_PART_FINALS = 100, /* waiting final uploads that an unfinished part may be in, at most */
};

struct upload_info {
    struct upload_id id;
    uint8_t protocol; /* as it was given to upload_create(); storage gives it no meaning */
    enum upload_kind kind;
    enum upload_state state;
    bool length_known;
    uint64_t length;          /* of a final: the sum, as soon as the length of each part is known */
    uint64_t offset;          /* of a final: 0 until all its parts are complete, then the length */
    bool explicit_completion; /* as given to upload_create() */
    int64_t created;
    int64_t appended; /* when the offset last grew; created as long as it has not */
    int64_t expires;  /* 0: never */
    bool writing;     /* somebody had it open for writing; upload_find() only */

    enum digest_algorithm digest_algorithm; /* of the running digest */
    struct digest_value digest;             /* of the whole; none until all bytes are there */
    struct digest_value stated;             /* as given to upload_create() */

    /* The file that upload_path() names has the bytes. Not so of a final whose bytes lie in its parts'
     * files, and of a part whose bytes are now in the files of finals only. */
    bool filed;

    uint8_t *metadata; /* as given to upload_create(); NULL when there is none */
    size_t metadata_count;
    uint8_t *words; /* as given to upload_concatenate(); NULL when there are none, and in a page */
    size_t words_count;
    uint8_t *response; /* as given to upload_set_response(); NULL when there is none */
    size_t response_count;
};

/* Frees what the info owns; a zeroed one is fine. */
void upload_info_done(struct upload_info *info);

/* ---- any upload ---- */

/*
 * A key that whoever asks for an upload gives to this one request, so that it can be repeated: for a day
 * the same request with the same key makes nothing new.
 */
struct upload_repeat {
    struct bytes key; /* of no bytes: there is none */

    /* Set before done is called with 0: the upload is that of an earlier request. NULL is fine. */
    bool *ret_repeated;
};

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
    struct upload_repeat repeat;
};

/*
 * Makes an upload with offset 0. Its id is in ret_id when the call returns 0, and the upload
 * exists, even after a power cut, when done was called with 0. With a key the id may be another one by
 * then: that of the upload which the first request with the key has made, whatever became of it since.
 *
 * Refuses with REFUSED_NO_SPACE below the free-space floor or when the database is full, though not what
 * a key has made already; with REFUSED_TOO_LONG for a length of more than INT64_MAX; and with
 * REFUSED_KEY_REUSED when the key was that of another request.
 */
int upload_create(struct store *store, const struct upload_creation *creation,
                  struct upload_id *ret_id, struct done done);

struct upload_concatenation {
    uint8_t protocol;
    const struct upload_id *parts; /* in their order, any of them more than once */
    size_t part_count;             /* at least 1 */
    struct digest_value stated;    /* what the digest has to be; of DIGEST_NONE when nobody knows */
    struct bytes metadata;
    struct bytes words;  /* how the parts were named, to be told again */
    uint64_t max_length; /* 0: no limit */
    struct upload_repeat repeat;
};

/*
 * Makes a final upload of partial ones, in one transaction and without touching their bytes. Parts need
 * not be complete yet: it becomes so with the last of them. From then on a part that is deleted is gone for
 * its clients, but its bytes stay as long as the final, and it does not expire.
 *
 * Where a final of the same parts, metadata and stated digest is there, and is neither invalidated nor
 * damaged, that one is the answer. As with upload_create() and a key, ret_id is settled by done alone.
 *
 * Refuses, and has made nothing, with REFUSED_UNKNOWN_PART; REFUSED_NOT_PARTIAL; REFUSED_PART_LOST for one
 * that is deleted, expired, invalidated or damaged, or whose bytes have moved into the file of another
 * final; REFUSED_TOO_LONG for more than max_length or INT64_MAX bytes, which invalidates it when
 * lengths become known only later; REFUSED_TOO_MANY_PARTS beyond UPLOAD_PARTS; REFUSED_PART_BUSY beyond
 * UPLOAD_PART_FINALS; REFUSED_KEY_REUSED; and REFUSED_NO_SPACE when the database is full.
 */
int upload_concatenate(struct store *store, const struct upload_concatenation *wanted,
                       struct upload_id *ret_id, struct done done);

/* One part of a final upload. */
struct upload_part_info {
    struct upload_id id;
    enum upload_state state; /* DELETED: gone for clients, and its bytes are kept for the final */
    bool length_known;
    uint64_t length;
    uint64_t offset;
    bool begin_known; /* the lengths of all parts before it are known */
    uint64_t begin;   /* where it begins in the final */
};

/*
 * The parts of a final upload, in their order, UPLOAD_PARTS at most; to be freed by the caller by free().
 * There are none, and NULL, of another kind of upload, and of a final that has become one file.
 *
 * Refuses as upload_find() does.
 */
int upload_parts(struct store *store, const struct upload_id *id,
                 struct upload_part_info **ret_parts, size_t *ret_count, struct done done);

/*
 * Only looks: ends no writer, takes no lock. The caller frees ret_info by upload_info_done().
 *
 * Refuses with REFUSED_UNKNOWN_UPLOAD, or REFUSED_GONE for one that was deleted or has expired, as
 * long as that is remembered (store_options). All other states are found and told.
 */
int upload_find(struct store *store, const struct upload_id *id, struct upload_info *ret_info,
                struct done done);

/* Where its bytes lie when they are filed (struct upload_info): an absolute path, to be freed by the
 * caller; NULL when there is no memory. */
char *upload_path(const struct store *store, const struct upload_id *id);

/* Which uploads a page is of. Those that are gone are in none. */
enum upload_wanted {
    UPLOADS_ALL,
    UPLOADS_ACTIVE,  /* somebody writes to it */
    UPLOADS_STALLED, /* it is neither complete nor lost, and nobody does */
    UPLOADS_COMPLETE,
    UPLOADS_INVALIDATED,
    UPLOADS_DAMAGED,
};

/* A place in the order of creation. Its members mean nothing to others but this order. */
struct upload_cursor {
    int64_t created;
    uint64_t number;
};

/*
 * A page of uploads, newest first. One that is there all the time while pages are read is on one of them,
 * once, whatever comes and goes meanwhile. (Unless it becomes active between two pages of active ones.)
 *
 * For the first page before is zeroed; the answer sets it for the next one. A page may be short, or
 * empty, and have more behind it: only so many uploads are looked at for one.
 */
struct upload_page {
    enum upload_wanted wanted;
    int64_t created_from;  /* no older ones */
    int64_t created_until; /* no newer ones; 0: whenever */

    /* Whether it is wanted, by what storage gives no meaning; NULL: all are. On a thread of storage;
     * must not wait. */
    bool (*match)(void *argument, const struct upload_info *info);
    void *match_argument;

    struct upload_cursor before;
    struct upload_info *infos; /* the caller's room; those that are set need upload_page_done() */
    size_t room;

    /* set by the answer */
    size_t count;
    bool more;
};

int upload_list(struct store *store, struct upload_page *page, struct done done);

/* Frees what the infos own. */
void upload_page_done(struct upload_page *page);

/*
 * Its time has come: what the janitor does when an unfinished upload expires, whenever that would be.
 *
 * Refuses with REFUSED_UNKNOWN_UPLOAD, REFUSED_GONE; REFUSED_LASTING when it is complete, or a part of
 * another one, and so does not expire; REFUSED_LOCKED when somebody writes to it.
 */
int upload_expire(struct store *store, const struct upload_id *id, struct done done);

/*
 * The bytes of a complete upload for reading, which are there even when the upload is deleted meanwhile:
 * see storage/content.h. The content is the caller's.
 *
 * Refuses with REFUSED_UNKNOWN_UPLOAD, REFUSED_GONE, REFUSED_DAMAGED, REFUSED_INVALIDATED (a final:
 * REFUSED_PART_LOST), or REFUSED_INCOMPLETE, which a final is, too, whose digest is not verified yet. A part
 * whose bytes are in the files of finals only is REFUSED_GONE.
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

    /*
     * Whether it is wanted at all, by what is on record before an older writer is ended: 0, or what
     * upload_open() refuses with. Runs on a thread of storage, by the rules of a done; info is there for the
     * call (but not whether it is being written), check_argument until upload_open() has answered. NULL: it is.
     */
    int (*check)(void *argument, const struct upload_info *info);
    void *check_argument;
};

/*
 * Opens an upload for the caller alone. An older writer is ended, what it had appended is
 * committed, and then done is called; the upload is in ret_upload before that. An upload in any
 * state but DELETED can be opened; upload_info() tells what can be done with it. Its file was
 * looked at: when it is shorter than the offset, the upload is DAMAGED.
 *
 * Refuses with REFUSED_UNKNOWN_UPLOAD, REFUSED_GONE, REFUSED_LOCKED when the older writer did not
 * let go in time, REFUSED_ENDED when a still newer one came while this one waited, and as check says.
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

/*
 * For how long its commits have waited for the database since it was opened, in nanoseconds, those among
 * them that nobody asked for. What else an answer has taken is the disk's.
 */
uint64_t upload_database_ns(const struct upload *upload);

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
 * Refuses with REFUSED_FINAL_UPLOAD whatever its state, REFUSED_ENDED, REFUSED_COMPLETED,
 * REFUSED_INVALIDATED, REFUSED_DAMAGED, REFUSED_TOO_LONG when the length would be passed (nothing is taken then), REFUSED_NO_SPACE; or
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
 * file soon after, that of a part when no final needs it any more. Finals that wait for this part are
 * invalidated by the same transaction. Works on a full disk. Only upload_close() may follow.
 */
void upload_delete(struct upload *upload, struct done done);
