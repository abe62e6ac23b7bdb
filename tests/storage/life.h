#pragma once

/*
 * The life of a store, and what must be true of it afterwards whatever went wrong
 *
 * life_run() opens a store and does everything that can be done to uploads, going on after every
 * refusal and failure, and notes what the store has promised. life_check() opens the directory
 * again, on a sound machine, and holds it to the promises.
 */

#include <stdbool.h>
#include <stdint.h>

#include "storage/id.h"
#include "storage/store.h"

enum {
    LIFE_TOGETHER = 5, /* uploads that are synced by one call */
    LIFE_UPLOADS = 8 + LIFE_TOGETHER,
};

struct promise {
    struct upload_id id;
    bool created;
    uint64_t offset; /* the highest that was told */
    bool complete;
    bool deletion_asked, deleted;
    bool expired; /* it may be gone: its time has come */
    bool damaged; /* it was told that the upload is, or a file call failed */
};

/* A final with a stated digest, of two parts. */
struct joined {
    struct upload_id parts[2], final;
    bool joined;   /* it was told that it is there */
    bool complete; /* and that its parts are complete */
};

/* In memory that a process shares with the one that checks. */
struct life {
    struct promise promises[LIFE_UPLOADS];
    struct joined joined;
    bool opened, finished;
};

/* With a clock of its own; the table of calls may fail. */
void life_run(struct life *life, const struct store_options *options);

/* Asserts, see above. damaged_most: how many uploads may be damaged. */
void life_check(const struct life *life, const struct store_options *options,
                unsigned damaged_most);
