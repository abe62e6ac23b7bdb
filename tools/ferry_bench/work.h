#pragma once

/*
 * The works that a load can be made of
 *
 *     bulk     creates an upload and sends it in one request; then asks for its offset
 *     put      the same by a plain PUT, for servers without tus
 *     small    creates a small upload, then sends it
 *     whole    creates a small upload and sends it along with its creation
 *     append   goes on with an upload of the client's own
 *     head     asks for the offset of one of many uploads
 *     resume   asks for the offset of an upload whose writer has fallen silent, then sends the rest
 *     slow     sends an upload in one request that takes as long as the run
 *     mixed    of small, append and head by their weights
 */

#include <stdbool.h>
#include <stdint.h>

#include "tools/ferry_bench/crowd.h"
#include "tools/ferry_bench/target.h"
#include "tools/ferry_bench/tus.h"

enum {
    WORK_MIX = 3 /* small, append, head */
};

struct work;

struct work_plan {
    const struct work *work;
    struct target target;
    uint64_t size;   /* of an upload, or of what a turn sends */
    uint64_t rounds; /* slow: turns of each client */
    unsigned weights[WORK_MIX];
    size_t path_count; /* head: these, or as many as there are clients */
    struct tus_path *paths;
};

/* NULL: there is no such work. */
const struct work *work_find(const char *name);
const char *work_name(const struct work *work);
uint64_t work_size(const struct work *work); /* unless another one is wanted */
bool work_is_slow(const struct work *work);
bool work_asks(const struct work *work); /* paths can be given */
bool work_mixes(const struct work *work);

/* A client's life; its plan is a struct work_plan. */
void work_run(struct client *client);
