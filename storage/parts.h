#pragma once

/*
 * What a store and an open upload are made of: for the sources of storage that implement
 * storage/store.h and storage/upload.h, and for nobody else
 *
 * Locks are taken in this order, and no other is held while a done or an ended is called:
 *
 *     store.mutex, the table of leases  ->  upload.mutex  ->  the batch  ->  bounds, queues of jobs and changes
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/workers.h"
#include "digest/digest.h"
#include "storage/batch.h"
#include "storage/bound.h"
#include "storage/catalog.h"
#include "storage/directory.h"
#include "storage/file.h"
#include "storage/finals.h"
#include "storage/lease.h"
#include "storage/lookup.h"
#include "storage/pin.h"
#include "storage/store.h"
#include "storage/upload.h"

/* The object that a member is a part of. */
#define PART_OF(type, member, pointer) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct finals;
struct janitor;
struct timer;

enum {
    UPLOAD_GROUPS = 64,
    GROUP_TURN_MS = 1000,
};

/* Some of the uploads that are open, opening or on their last commit: ticks look at them in turns. */
struct upload_group {
    struct upload *first;
    uint64_t due_ms;      /* when all of them are looked at next */
    atomic_bool hastened; /* one of them cannot wait until then, but for the next tick */
};

struct store {
    struct store_options options; /* with the defaults filled in */
    struct directory directory;
    struct catalog *catalog;
    struct lease_table *leases;
    struct workers *io, *sync;
    struct batch patient, eager;
    struct bound files, dirty, buffers;
    struct janitor *janitor;
    struct finals *finals;
    struct pins pins; /* finals that are read */
    struct timer *timer;

    pthread_mutex_t mutex;
    pthread_cond_t emptied;
    struct upload_group groups[UPLOAD_GROUPS];
    atomic_uint_fast64_t upload_count; /* of all of them */

    struct histogram sync_time; /* how long file_sync() takes, or a syncfs that is waited for */
    atomic_uint_fast64_t free_bytes, synced_files, expired_uploads, deleted_files, damaged_uploads,
        acknowledged_bytes;
};

enum {
    /* of one upload, only while bytes are on their way: for those that flow, and for those that trickle,
     * as they need it */
    BUFFER_BYTES = 1024 * 1024,
    SMALL_BUFFER_BYTES = 64 * 1024,
    LEAST_BUFFER_BYTES = 1024,
};

/* What the writer has asked for and waits for. */
enum goal {
    GOAL_NONE,
    GOAL_ANSWER, /* only to be told the verdict */
    GOAL_COMMIT,
    GOAL_FINISH,
    GOAL_ROLLBACK,
    GOAL_VERIFY,
    GOAL_LENGTH,
    GOAL_INVALIDATE,
    GOAL_DELETE,
    GOAL_CLOSE,
};

/* A digest that follows the bytes of an upload. See hash.c for who may touch it. */
struct hash {
    enum digest_algorithm algorithm; /* DIGEST_NONE: not wanted */
    uint64_t from;                   /* its first byte */
    bool begun;                      /* the digest is valid */
    struct digest digest;
};

struct upload {
    struct store *store;
    struct upload_group *group;
    struct upload *next, **link; /* in its group; link is what points here */
    atomic_uint_fast64_t due_ms; /* ticks before have nothing to do for it */
    struct lease lease;
    uint64_t number;

    /* of the writer */
    struct upload_info info; /* changed only by what it asked for, which it waits for */
    struct upload_writer writer;
    struct upload **ret_upload; /* of upload_open() */
    int lease_refusal;          /* how the waiting for the lease ended, or why it was not asked for */

    pthread_mutex_t mutex; /* of everything below */

    /* received >= written >= synced >= durable */
    uint64_t received; /* copied into the buffer */
    uint64_t written;  /* given to the kernel */
    uint64_t hashed;   /* not needed any more in the buffer; at most written */
    uint64_t synced;   /* on the disk, but not counted by the catalog */
    uint64_t durable;  /* counted: what a client may be told */
    uint64_t extent;   /* how far the file goes at most */

    bool ended, staged;
    bool flows;   /* the last piece was a large one: there is probably more behind it */
    bool pressed; /* commit soon, though nobody waits for it */
    bool stopped; /* nothing beyond durable counts any more; failure says why */
    bool damaged, damage_recorded;
    bool directory_synced;
    int failure;             /* the first one; upload_append() tells it */
    uint64_t dirty_since_ms; /* no byte behind synced has come before */
    uint64_t taken_ms;       /* no byte behind written has */
    uint64_t target_ms;      /* no byte behind target has */
    uint64_t observed;       /* received, when the observer was last told that bytes have come */
    uint64_t observed_ms;    /* and when that was */
    uint64_t stated_length;  /* of GOAL_LENGTH */
    enum upload_state state; /* as in the catalog; info is told at the end of a goal */
    int64_t expires;         /* the same */
    int64_t appended;        /* the same */

    enum goal goal;
    int verdict;      /* the answer, when nothing worse happens */
    struct done done; /* of the goal, or of upload_open() */

    /* the three lanes: one job of each runs at a time */
    bool writing, hashing, syncing;
    enum goal pass;      /* the goal that the sync lane works on */
    struct batch *batch; /* it has this pass, or had it; NULL: none, or it left */
    struct batch *begun; /* by this one: target and counts of the pass are decided */
    unsigned failures;   /* of its syncfs, until then */
    bool counted;        /* among the passes of the eager batch */
    struct upload *batch_next, **batch_link; /* the batch's own */
    uint64_t target;
    bool counts; /* its row may move the offset to target */
    struct job open_job, write_job, hash_job, sync_job, ready_job;
    struct change change;  /* of the sync lane */
    uint64_t submitted_ns; /* when that was given to the catalog */
    uint64_t database_ns;  /* what all of them have taken */

    /* digests */
    struct hash whole;                   /* the running one */
    struct hash request;                 /* of the staged bytes */
    struct digest_checkpoint checkpoint; /* of the running one, after the hash lane's last run */
    struct digest_checkpoint recorded;   /* the one in the row */
    struct digest_value checksum;        /* of GOAL_VERIFY */
    bool hash_failed;                    /* no more hashing in this opening; failure says why */
    uint8_t *response;                   /* of upload_set_response(), or NULL */
    size_t response_count;

    struct file file;
    bool file_taken; /* one of store->files is ours */
    bool waiting;    /* in the queue of a bound, to go on writing */
    struct bound_waiter room;

    uint8_t *buffer;     /* a ring: byte n of the upload is at n % buffer_bytes */
    size_t buffer_bytes; /* of it, or of the one that is wanted */
    bool buffer_unused;  /* nothing has been in it: whoever has waited for it is on the way */
    struct bound_waiter buffer_room;
    struct done ready;     /* of upload_when_ready() */
    bool ready_waiting;    /* until a lane has made room */
    uint64_t write_offset; /* of the write lane's write */
    uint64_t write_ms;     /* when that took its bytes from the buffer */
};

/*
 * What is left to do after the lock of an upload was let go: giving back wakes other uploads, and
 * a done may call anything.
 */
struct aftermath {
    struct file file; /* to be closed */
    uint64_t files, dirty, buffers;
    struct done done, ready;
    int result, readiness;
    bool release;
};

#define AFTERMATH     \
    {                 \
        .file.fd = -1 \
    }

void upload_lock(struct upload *upload);
void upload_unlock(struct upload *upload, struct aftermath *aftermath);

/* Why nobody can append any more, or 0. */
int upload_refusal(const struct upload *upload);

/* Starts what the lanes have to do. With the lock held. */
void upload_advance(struct upload *upload);

/* The upload as it counts. With the lock held, or before anybody else knows of it. */
struct observation upload_observation(const struct upload *upload);

/* Sets a goal; done will be called with verdict, or with what is worse. */
void upload_pursue(struct upload *upload, enum goal goal, int verdict, struct done done);

/* Nothing is under way and nothing is left: it can be released at once. With the lock held. */
bool upload_is_quiet(const struct upload *upload);

/* The file ends where the catalog says, or nobody will go on with it. With the lock held. */
bool upload_is_tidy(const struct upload *upload);

/* With what is written the upload is complete, as soon as a row counts it. With the lock held. */
bool upload_is_ending(const struct upload *upload);

/* Its pass is not to wait for those of others any more. With the lock held. */
bool upload_leaves_batch(const struct upload *upload);


/* Everything that was appended is in the file, or never will be. With the lock held. */
bool upload_is_written(const struct upload *upload);

/* Everything that is written is hashed as far as the goal needs it. With the lock held. */
bool upload_is_hashed(const struct upload *upload);

/* Ends the object: the lease goes to who waits. Without the lock. */
void upload_release(struct upload *upload);

/* The jobs of the lanes. */
void upload_write_run(struct job *job);
void upload_hash_run(struct job *job);
void upload_sync_run(struct job *job);

/*
 * The sync lane's run in two steps, between which many files may be synced at once. The first has the lock held;
 * true: there are bytes to sync. The second takes it; synced says that they were, but for what the file tells itself.
 */
bool upload_begin_pass(struct upload *upload, struct batch *batch, struct aftermath *aftermath);
void upload_run_pass(struct upload *upload, bool synced);
void upload_room_resume(struct bound_waiter *waiter);
void upload_buffer_resume(struct bound_waiter *waiter);

/* No more appends: nothing beyond durable counts, failure is what they are told. Lock held. */
void upload_stop(struct upload *upload, int failure, struct aftermath *aftermath);

/* The same, for good and for everybody: the file has lost bytes or may have. Lock held. */
void upload_damage(struct upload *upload, int failure, struct aftermath *aftermath);

/* Nothing that was appended behind durable counts any more. With the lock held. */
void upload_forget_rest(struct upload *upload);

/* Gives the buffer back, which no lane uses; what it holds is forgotten. With the lock held. */
void buffer_drop(struct upload *upload, struct aftermath *aftermath);

/*
 * The same for a spent one, but a large one not while bytes flow and nobody waits for memory: what goes and
 * comes again is cleared by the kernel each time. They flow until there was a tick after the last. With the
 * lock held.
 */
void buffer_give_back(struct upload *upload, struct aftermath *aftermath);

/* Where the bytes from one offset to another lie in the buffer. With the lock held. */
void buffer_pieces(const struct upload *upload, uint64_t from, uint64_t until,
                   struct iovec ret_pieces[2]);

/* At the end of a lane's run, so never under the lock of the leases: gives back a buffer that is spent, answers who
 * waits for room. */
void upload_settle(struct upload *upload, struct aftermath *aftermath);

/* ---- digests; all with the lock held ---- */

/* Any digest has to be computed. */
bool upload_hashes(const struct upload *upload);

/* True: the hash lane has something to do, and the caller must now run or submit its job. */
bool hash_take(struct upload *upload);

/* The digest of a request begins, behind durable. The hash lane does not run. */
void hash_begin_request(struct upload *upload, enum digest_algorithm algorithm);

/* Staged bytes are no more: both digests go back to durable. The hash lane does not run. */
void hash_go_back(struct upload *upload);

/* Whether the running digest is that of everything written. Not while the lane runs. */
bool hash_is_whole(const struct upload *upload);

/* Of the whole, when that is so. */
struct digest_value hash_digest(const struct upload *upload);

/* Why the digests forbid what the pass is for, or 0. */
int hash_judge(const struct upload *upload);

/* Answers who waits for room, on a thread of ours. With the lock held. */
void ready_answer(struct upload *upload);

/*
 * With nothing dirty and nothing to be written the file need not be open; where others wait for
 * one it is closed even before the next write, which opens it again. With the lock held.
 */
void upload_close_file(struct upload *upload, struct aftermath *aftermath);

/*
 * What the catalog knows of one upload, for the others of us. Blocks. Refuses as upload_find() does.
 */
int store_lookup(struct store *store, const struct upload_id *id, struct lookup *ret_lookup);

/* The parts of a final, by its number; to be freed. Blocks. */
int store_parts(struct store *store, uint64_t final, struct upload_part_info **ret_parts,
                size_t *ret_count);

/* ---- content ---- */

/*
 * Of a complete final whose bytes lie in its parts. Pins it: look at its row again afterwards. -EAGAIN when
 * these are not its parts any more.
 */
int content_of_parts(struct store *store, const struct upload_info *info,
                     const struct upload_part_info *parts, size_t part_count,
                     struct content **ret_content);

/* Where the bytes from an offset on lie, as far as one file has them; open until the next call. */
struct content_span {
    int fd;
    uint64_t offset, count; /* within the file */
};

/* The offset lies in the content. Blocks. */
int content_span(struct content *content, uint64_t offset, struct content_span *ret_span);

/* The content of any complete or verifying upload; refuses as upload_read() does. Blocks. */
int store_read(struct store *store, const struct upload_id *id, bool verifying,
               struct content **ret_content);

/* ---- repeats ---- */

struct digest_value creation_fingerprint(const struct upload_creation *creation);
struct repeat repeat_of(const struct upload_repeat *repeat, struct digest_value fingerprint);

/* The store's list. */
void store_enter(struct store *store, struct upload *upload);
void store_leave(struct store *store, struct upload *upload);

/* The next tick looks at the uploads of the group, whose turn may be later. From any thread, under any lock. */
static inline void group_hasten(struct upload_group *group)
{
    atomic_store(&group->hastened, true);
}

/* Half of the memory for buffers is taken: who gathers bytes is to write them. */
bool store_lacks_memory(struct store *store);

/* Commits by age and size, and when others wait for what this upload holds. */
void upload_tick(struct upload *upload, uint64_t now_ms, bool pressed);

/* Wakes the timer: a bound is reached. */
void store_press(struct store *store);

/* Tombstones wait for the janitor. */
void store_deleted(struct store *store);

/* Finals that end now, with a part that is lost or without their bytes, are told of until then; 0: for ever. */
int64_t store_finals_expire(const struct store *store);
