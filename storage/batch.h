#pragma once

/*
 * Batch: passes (commit.c) of few bytes each, made durable together
 *
 * An fdatasync for each, and an fsync for the name of each new file, cost several times what receiving their bytes
 * did. One syncfs does both for many. There are two batches:
 *
 *   patient   whom nobody waits for: ten thousand slow uploads are committed by their age, some hundred in a second.
 *             It begins with all that have come since the last tick of the store
 *   eager     who is waited for, or is in the way of others while files or dirty bytes are few, and many are at the
 *             same time: hundreds of clients who send a few KiB each. It begins at once, and again with all that came
 *             meanwhile
 *
 *   Errors    whose bytes were lost each file is asked for itself afterwards. When syncfs fails, all that it was
 *             begun for, and have not come to their end, end at their last offsets and can be resumed. Where it does not promise what fdatasync does, each is synced apart
 *   Others    it writes what anybody else has dirty on the file system, too, and may take long for that. So
 *             who is waited for leaves the patient one and is synced apart, and whoever another one may wait for
 *             leaves the eager one, too; after commit_together_ms all do at the next tick, and all are synced apart
 *             for a hundred times as long as it took. Who joins behind one that is not yet late may meet that twice.
 *             The disk is as busy all the same, once
 *   Threads   batch_tick() is the timer's. The others may be called under the lock of an upload, which is taken
 *             before the batch's
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/workers.h"

struct upload;

struct store;

struct batch {
    struct store *store;
    bool eager;
    pthread_mutex_t mutex; /* of all below */
    struct upload *waiting, *running;
    unsigned passes; /* of who is waited for, here or apart, until they are synced */
    bool busy;       /* the job waits or runs */
    bool syncing;    /* and is in syncfs since begun_ms, or at what comes behind that */
    unsigned failures; /* of syncfs */
    uint64_t begun_ms, apart_until_ms;
    struct job job;
};

void batch_init(struct batch *batch, struct store *store, bool eager);
void batch_done(struct batch *batch);

/* How often its syncfs has failed. */
unsigned batch_failures(struct batch *batch);

/* Its pass is to be run, together with others or by upload_sync_run(), the run of its sync_job. */
void batch_enter(struct batch *batch, struct upload *upload);

/* The same with the eager one, where so many are waited for that it is worth it. False: the caller runs the pass. Either
 * way batch_count_out() when it is synced. */
bool batch_join(struct batch *batch, struct upload *upload);
void batch_count_out(struct batch *batch);

/* Begins with all that are there, unless it is still busy with those before; lets all go when that takes long. */
void batch_tick(struct batch *batch, uint64_t now_ms);

/* True: the batch has let go of it, and the caller runs its pass. False: its time has come anyway. */
bool batch_leave(struct batch *batch, struct upload *upload);
