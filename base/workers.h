#pragma once

/*
 * Workers
 *
 * Threads that run what may block (disk, database, hashing) so that a loop thread does not have to.
 *
 *   Bounds     threads run at the same time; at most waiting_max jobs wait for one, and further ones
 *              are refused with REFUSED_OVERLOADED. SIZE_MAX: whoever submits keeps a bound of its
 *              own, and nothing is refused
 *   Order      jobs are taken in the order they came
 *   Ownership  a job is the caller's memory and must stay until its function runs; the function may
 *              free it
 *   Threads    workers_submit() may be called by any, a worker too, and never waits
 *
 * Calling sequence:  workers_start  { workers_submit }  workers_stop
 */

#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"

struct workers;

struct job {
    void (*run)(struct job *job); /* on a worker */
    struct job *next;             /* the workers' own, like all below */
    uint64_t submitted_ns;
};

/* name: what its threads are called, 15 characters at most; borrowed for ever. 0 or -errno. */
int workers_start(const char *name, unsigned threads, size_t waiting_max,
                  struct workers **ret_workers);

/* 0 or REFUSED_OVERLOADED. */
int workers_submit(struct workers *workers, struct job *job);

struct workers_counts {
    size_t waiting, running; /* jobs, at this moment */
    unsigned threads;
    struct histogram_reading wait; /* of jobs for a thread, since the start */
};

struct workers_counts workers_counts(struct workers *workers);

/* Runs what waits, then ends the threads. NULL is fine. Waits. */
void workers_stop(struct workers *workers);
