/*
 * One upload from its row to its removal, with the power failing at any step
 *
 * A model for spin of what the store promises. Requests meet on one upload: they append, ask for
 * the offset in order to resume, or delete, and each ends the older writer. Between any two steps
 * the process may be killed or the power may fail; then the store starts again and recovers. LIVES
 * of it serve requests, the last one only recovers, and each ends by a cut.
 *
 *   Page cache  cache[], name_cached, wal_*    what the kernel shows to whoever runs
 *   Disk        disk[], name_disk, kept_*      what a power cut leaves
 *   Process     row_*, the lease, requests     what a kill takes away
 *
 * The kernel may write back anything dirty at any time and in any order, so a power cut loses any
 * subset of the writes that nothing has synced; a name gets to the disk by the kernel's will or by
 * a sync of its directory. The write-ahead log keeps whole transactions: SQLite's checksums drop a
 * torn one. A byte is the number of the request that brought it; LATE is one that came after the
 * end of its writer.
 *
 * Properties, each an assert below:
 *
 *   P1  an acknowledged creation, offset, completion or deletion survives every cut
 *   P2  the bytes below the offset are those that were counted
 *   P3  the offset never decreases, and a tombstone never comes back to life
 *   P4  a byte that came after its writer's end is never counted
 *   P5  no file without a row, no offset above 0 without a file
 *   P6  the lease only goes to a newer request than the last one
 *   P7  the offset told to a resuming request is the one that the next request finds
 *
 * Mutants, each a -D that leaves out or moves one step, all refuted by tests/crash/test_model.py:
 *
 *   NO_FDATASYNC  COMMIT_BEFORE_SYNC  ANSWER_BEFORE_COMMIT  SYNCHRONOUS_NORMAL  COUNT_AFTER_SYNC
 *   NO_DIRSYNC_AT_CREATION  DIRSYNC_BY_CREATOR_ONLY  PURGE_BEFORE_DIRSYNC  UNLINK_BEFORE_TOMBSTONE
 *   NO_DIRSYNC_AT_RECOVERY  NO_SYNC_AT_START  NO_FENCING  NO_MARK  OLDEST_WAITER
 *
 * To read one's counterexample:
 *
 *     spin -DNO_FENCING -a commit.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan
 *     spin -DNO_FENCING -t -p commit.pml
 */

#define BYTES 2 /* length of the upload */
#ifndef LIVES
#define LIVES 2
#endif
#ifndef FIRST
#define FIRST 2 /* requests in the first life */
#endif
#ifndef LATER
#define LATER 1 /* requests in each later one */
#endif
#define ASKERS  (1 + FIRST + LATER * (LIVES - 1)) /* number 0 is the start */
#define LATE    99
#define NOTHING 99

mtype = { NONE, ACTIVE, COMPLETE, TOMBSTONE };           /* states of the row */
mtype = { INSERT, LEASE, ADVANCE, FINISH, BURY, PURGE }; /* transactions */
mtype = { APPEND, RESUME, DELETE };                      /* requests */

/* the file */
byte cache[BYTES], disk[BYTES];
bool name_cached, name_disk;

/* the row: written to the log, on disk, as readers see it */
mtype wal_state = NONE, kept_state = NONE, row_state = NONE;
byte wal_offset, kept_offset, row_offset;

/* the lease: tickets are drawn on arrival, the generation is the ticket of the last holder */
byte tickets, generation, holder;
bool ended[ASKERS];

/* questions to the database thread, 0 for none, and its answers */
mtype asked[ASKERS];
byte asked_lease[ASKERS], asked_offset[ASKERS];
bool answered[ASKERS], refused[ASKERS];
byte asking;

/* what was told to somebody, and what the asserts compare with */
bool told_created, told_complete, told_deleted, deletion_asked;
byte told_offset, promised = NOTHING;
byte counted[BYTES];

bool cut; /* the process is gone; nothing but init goes on */
byte lives, requests = 1; /* that have ended, that have begun */

#define EACH_BYTE(do_this) \
    p = 0; do :: p < BYTES -> do_this; p++ :: else -> p = 0; break od

/* Waits for the database thread to commit it. */
#define ASK(who, what, lease_, offset_) \
    atomic { asked[who] = what; asked_lease[who] = lease_; asked_offset[who] = offset_; asking++ } \
    atomic { answered[who] -> answered[who] = false }

/* ---------------------------------------------------------------------- the database thread */

inline move_offset(to)
{
    assert(wal_state == ACTIVE && to >= wal_offset); /* P3 */
    p = wal_offset;
    do
    :: p < to ->
        assert(cache[p] != LATE); /* P4 */
        counted[p] = cache[p];
        p++
    :: else -> p = 0; break
    od;
    wal_offset = to
}

/* Nothing counts but under the lease that is held now. */
#ifdef NO_FENCING
#define HELD(lease) true
#else
#define HELD(lease) ((lease) == generation)
#endif

inline apply(who)
{
    refused[who] = false;
    if
    :: asked[who] == INSERT -> wal_state = ACTIVE
    :: asked[who] == PURGE -> wal_state = NONE
#ifndef OLDEST_WAITER
    :: asked[who] == LEASE && asked_lease[who] < generation -> refused[who] = true
    :: asked[who] == LEASE && asked_lease[who] > generation ->
#else
    :: asked[who] == LEASE ->
#endif
        assert(asked_lease[who] > generation);                 /* P6 */
        assert(promised == NOTHING || promised == wal_offset); /* P7 */
        promised = NOTHING;
        generation = asked_lease[who]
    :: asked[who] == ADVANCE && HELD(asked_lease[who]) -> move_offset(asked_offset[who])
    :: asked[who] == FINISH && HELD(asked_lease[who]) ->
        move_offset(asked_offset[who]);
        wal_state = COMPLETE
    :: asked[who] == BURY && HELD(asked_lease[who]) -> wal_state = TOMBSTONE
    :: else -> refused[who] = true
    fi;
    asked[who] = 0;
    asking--;
    batch[who] = true
}

/* Any of the questions that wait become one transaction, in any order. */
inline collect()
{
    do
    :: asked[0] != 0 -> apply(0); some = true
    :: asked[1] != 0 -> apply(1); some = true
    :: asked[2] != 0 -> apply(2); some = true
#if FIRST + LATER * (LIVES - 1) > 2
    :: asked[3] != 0 -> apply(3); some = true
#endif
#if FIRST + LATER * (LIVES - 1) > 3
    :: asked[4] != 0 -> apply(4); some = true
#endif
    :: some -> some = false; break
    od
}

/* Readers see a transaction once it is synced. */
inline answer_all()
{
    row_state = wal_state;
    row_offset = wal_offset;
    do
    :: p < ASKERS -> answered[p] = answered[p] || batch[p]; batch[p] = false; p++
    :: else -> p = 0; break
    od
}

proctype database()
{
    bool batch[ASKERS], some;
    byte p;

    {
        do
        :: atomic { asking > 0 -> collect() }
#ifndef SYNCHRONOUS_NORMAL
           atomic { kept_state = wal_state; kept_offset = wal_offset }
#endif
           atomic { answer_all() }
        od
    } unless { cut }
}

/* --------------------------------------------------------------------------------- requests */

#define SYNC_DIRECTORY name_disk = name_cached
#define SYNC_FILE      atomic { EACH_BYTE(disk[p] = cache[p]) }

/* What a client has read must be true after every cut. */
#define TELL_OFFSET(offset) \
    told_offset = (offset > told_offset -> offset : told_offset)

/*
 * Arrives, and ends the holder at once; then takes the lease, unless a newer request has arrived.
 * It does not wait for the holder's release: a lease may run out, and safety must not hang on it.
 */
inline take_over()
{
    atomic { tickets++; lease = tickets; ended[holder] = true }
    if
    :: atomic { tickets == lease -> holder = me }
    :: tickets != lease -> goto out
    fi;
    ASK(me, LEASE, lease, 0);
    if :: refused[me] -> goto out :: else fi
}

/* The mark is looked at in one step with taking the byte. The first byte makes the file. */
#ifdef NO_MARK
#define MAY_SEND true
#else
#define MAY_SEND !ended[me]
#endif

inline accept_byte()
{
    atomic {
        recv < BYTES && MAY_SEND ->
        made_file = made_file || !name_cached;
        name_cached = true;
        cache[recv] = (ended[me] -> LATE : me);
        recv++
    }
}

/*
 * Bytes, then their name, then the row, then the answer. While no offset above 0 is committed, an
 * earlier life may have made the file and died before it synced the directory: so it is not enough
 * that the one who makes the file does it.
 */
inline commit()
{
    sync_to = recv;
#ifdef COMMIT_BEFORE_SYNC
    ASK(me, (sync_to == BYTES -> FINISH : ADVANCE), lease, sync_to);
#endif
#ifndef NO_DIRSYNC_AT_CREATION
    if
#ifdef DIRSYNC_BY_CREATOR_ONLY
    :: durable == 0 && made_file -> SYNC_DIRECTORY
#else
    :: durable == 0 -> SYNC_DIRECTORY
#endif
    :: else
    fi;
#endif
#ifndef NO_FDATASYNC
    SYNC_FILE
#endif
    if :: accept_byte() :: skip fi; /* bytes go on coming during the sync; they wait for the next */
#ifdef COUNT_AFTER_SYNC
    sync_to = recv;
#endif
#ifdef ANSWER_BEFORE_COMMIT
    atomic { if :: !ended[me] -> TELL_OFFSET(sync_to) :: else fi }
#endif
#ifndef COMMIT_BEFORE_SYNC
    ASK(me, (sync_to == BYTES -> FINISH : ADVANCE), lease, sync_to);
#endif
    if
    :: atomic {
        !refused[me] ->
        durable = sync_to;
        TELL_OFFSET(durable);
        told_complete = told_complete || durable == BYTES
       }
    :: refused[me] -> goto out
    fi
}

/* Ends with the body, with the client or with a newer request; what was received is committed. */
inline append()
{
    recv = row_offset;
    durable = row_offset;
    do
    :: accept_byte()
    :: recv > durable && recv < BYTES -> commit()
    :: break
    od;
    do
    :: recv > durable -> commit()
    :: else -> break
    od
}

/* The row's end: only after the sync no power cut can bring the name back. */
inline unlink_and_purge(who)
{
    name_cached = false;
#ifdef PURGE_BEFORE_DIRSYNC
    ASK(who, PURGE, 0, 0);
    SYNC_DIRECTORY
#else
    SYNC_DIRECTORY;
    ASK(who, PURGE, 0, 0)
#endif
}

inline remove()
{
#ifdef UNLINK_BEFORE_TOMBSTONE
    name_cached = false;
#endif
    deletion_asked = true;
    ASK(me, BURY, lease, 0);
    if
    :: !refused[me] -> told_deleted = true; unlink_and_purge(me)
    :: else
    fi
}

proctype request(byte me)
{
    byte lease, recv, durable, sync_to, p;
    bool made_file;

    {
        take_over();
        if
        :: row_state == ACTIVE -> append()
        :: row_state == ACTIVE || row_state == COMPLETE ->
            atomic {
                TELL_OFFSET(row_offset);
                if :: generation == lease -> promised = row_offset :: else fi
            }
        :: row_state == ACTIVE || row_state == COMPLETE -> remove()
        :: row_state == TOMBSTONE || row_state == NONE /* told that there is none */
        fi;
out:    atomic { holder = (holder == me -> 0 : holder) }
    } unless { cut }
}

/* ------------------------------------------------------------------------ start and recovery */

proctype start()
{
    byte more = LATER;

    {
        if
        :: lives == 0 ->
            ASK(0, INSERT, 0, 0);
            told_created = true;
            more = FIRST
        :: else ->
            /* A kill between writing the log and syncing it leaves a transaction that this life
             * reads, but that a power cut would still take away. */
#ifndef NO_SYNC_AT_START
            atomic { kept_state = wal_state; kept_offset = wal_offset };
#endif
            if
#ifdef NO_DIRSYNC_AT_RECOVERY
            :: row_state == TOMBSTONE && !name_cached -> ASK(0, PURGE, 0, 0)
            :: row_state == TOMBSTONE && name_cached -> unlink_and_purge(0)
#else
            :: row_state == TOMBSTONE -> unlink_and_purge(0)
#endif
            :: else
            fi
        fi;
        do
        :: atomic { more > 0 && lives < LIVES -> run request(requests); requests++; more-- }
        :: else -> break
        od
    } unless { cut }
}

/* ------------------------------------------------------------------------- kernel and power */

proctype kernel()
{
end:do
    :: atomic { !cut && name_disk != name_cached -> SYNC_DIRECTORY }
    :: atomic { !cut && disk[0] != cache[0] -> disk[0] = cache[0] }
    :: atomic { !cut && disk[1] != cache[1] -> disk[1] = cache[1] }
    :: atomic {
        !cut && (kept_state != wal_state || kept_offset != wal_offset) ->
        kept_state = wal_state;
        kept_offset = wal_offset
       }
    od
}

/* A file whose name is not on disk is gone with all its bytes. */
inline power_cut()
{
    name_cached = name_disk;
    wal_state = kept_state;
    wal_offset = kept_offset;
    EACH_BYTE(disk[p] = (name_disk -> disk[p] : 0); cache[p] = disk[p])
}

inline forget()
{
    row_state = wal_state;
    row_offset = wal_offset;
    tickets = 0;
    generation = 0;
    holder = 0;
    asking = 0;
    do
    :: p < ASKERS ->
        asked[p] = 0; asked_lease[p] = 0; asked_offset[p] = 0;
        answered[p] = false; refused[p] = false; ended[p] = false; p++
    :: else -> p = 0; break
    od
}

inline check()
{
    assert(!told_deleted || row_state == TOMBSTONE || row_state == NONE);   /* P1 */
    assert(!told_created || deletion_asked || row_state != NONE);           /* P1 */
    assert(row_state != TOMBSTONE || deletion_asked);                       /* P1 */
    assert(row_state != NONE || !name_cached);                              /* P5 */
    if
    :: row_state == ACTIVE || row_state == COMPLETE ->
        assert(row_offset >= told_offset);                                  /* P1 */
        assert(!told_complete || row_state == COMPLETE);                    /* P1 */
        assert(row_offset == 0 || name_cached);                             /* P5 */
        EACH_BYTE(assert(p >= row_offset || cache[p] == counted[p]))        /* P2 */
    :: else
    fi
}

init
{
    byte p;

    run kernel();
    do
    :: lives <= LIVES ->
        atomic { run database(); run start() }
        atomic {
            cut = true;
            if
            :: power_cut()
            :: skip /* a kill */
            fi;
            forget();
            check()
        }
        atomic { _nr_pr == 2 -> cut = false; lives++ }
    :: else -> break
    od
}
