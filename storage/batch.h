#pragma once

/*
 * Batch: passes (commit.c) that nobody waits for, of bytes that trickle, made durable together
 *
 * Ten thousand slow uploads are committed by their age, some hundred in a second: an fdatasync for each, and an
 * fsync for the name of each new file, cost several times what receiving their bytes did. One syncfs does both
 * for as many as have come since the last tick of the store.
 *
 *   Errors    whose bytes were lost each file is asked for itself afterwards. When syncfs fails, all end at their
 *             last offsets and can be resumed. Where it does not promise what fdatasync does, each is synced apart
 *   Others    it writes what anybody else has dirty on the file system, too, and may take long for that. So
 *             who is waited for leaves the batch and is synced apart; after commit_together_ms all do, and all
 *             are for a hundred times as long as it took. The disk is as busy all the same, once
 *   Threads   batch_enter() and batch_leave() under the lock of the upload, which is taken before the batch's;
 *             batch_tick() is the timer's
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/workers.h"

struct upload;

struct batch {
    pthread_mutex_t mutex; /* of all below */
    struct upload *waiting, *running;
    bool busy;    /* the job waits or runs */
    bool syncing; /* and is in syncfs, since begun_ms */
    uint64_t begun_ms, apart_until_ms;
    struct job job;
};

void batch_init(struct batch *batch);
void batch_done(struct batch *batch);

/* Its pass is to be run, together with others or by upload_sync_run(), the run of its sync_job. */
void batch_enter(struct batch *batch, struct upload *upload);

/* Begins with all that are there, unless it is still busy with those before; lets all go when that takes long. */
void batch_tick(struct batch *batch, uint64_t now_ms);

/* True: the batch has let go of it, and the caller runs its pass. False: its time has come anyway. */
bool batch_leave(struct batch *batch, struct upload *upload);
