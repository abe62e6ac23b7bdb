#include "tools/ferry_bench/work.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
    ENDLESS_BYTES_LOG2 = 40, /* the length of an upload that is only appended to */
    LATE_MOST = 2,           /* writers of a client, in all of its turns */
};

/* What a client knows. */
struct worker {
    struct client *client;
    const struct work_plan *plan;
    struct connection own, silent;
    uint64_t number, random; /* of turns taken, and the state of what is thrown */
    unsigned late;           /* writers that were not silent yet */

    struct tus_path path;
    uint64_t offset;
};

struct work {
    const char *name;
    uint64_t size;
    void (*prepare)(struct worker *worker); /* before what is measured */
    void (*arm)(struct worker *worker); /* before each turn; before the first it is not measured */
    uint64_t (*turn)(struct worker *worker); /* gives how many bytes were acknowledged */
    void (*check)(struct worker *worker);    /* after what is measured */
};

static uint64_t random_below(struct worker *worker, uint64_t limit)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return (worker->random >> 11) % limit;
}

static void expect_offset(struct worker *worker, uint64_t offset, uint64_t expected)
{
    if (offset != expected)
        connection_fail(&worker->own, "the upload has %" PRIu64 " bytes instead of %" PRIu64,
                        offset, expected);
}

/* ---- bulk and put ---- */

static uint64_t bulk_turn(struct worker *worker)
{
    uint64_t size = worker->plan->size;

    tus_create(&worker->own, size, 0, &worker->path);
    tus_append(&worker->own, &worker->path, 0, size);
    expect_offset(worker, tus_offset(&worker->own, &worker->path), size);
    return size;
}

static uint64_t put_turn(struct worker *worker)
{
    uint64_t size = worker->plan->size;

    (void)snprintf(worker->path.text, sizeof(worker->path.text), "%.200s%zu-%" PRIu64,
                   worker->plan->target.path, worker->client->number, worker->number);
    plain_put(&worker->own, &worker->path, size);
    expect_offset(worker, plain_length(&worker->own, &worker->path), size);
    return size;
}

/* ---- small and whole ---- */

static uint64_t small_turn(struct worker *worker)
{
    uint64_t size = worker->plan->size;
    struct tus_path path;

    tus_create(&worker->own, size, 0, &path);
    tus_append(&worker->own, &path, 0, size);
    return size;
}

static uint64_t whole_turn(struct worker *worker)
{
    struct tus_path path;

    tus_create(&worker->own, worker->plan->size, worker->plan->size, &path);
    return worker->plan->size;
}

/* ---- append ---- */

static void append_prepare(struct worker *worker)
{
    tus_create(&worker->own, UINT64_C(1) << ENDLESS_BYTES_LOG2, 0, &worker->path);
}

static uint64_t append_turn(struct worker *worker)
{
    tus_append(&worker->own, &worker->path, worker->offset, worker->plan->size);
    worker->offset += worker->plan->size;
    return worker->plan->size;
}

static void append_check(struct worker *worker)
{
    expect_offset(worker, tus_offset(&worker->own, &worker->path), worker->offset);
}

/* ---- head ---- */

static void head_prepare(struct worker *worker)
{
    const struct work_plan *plan = worker->plan;

    if (plan->path_count > 0)
        return;
    tus_create(&worker->own, plan->size, 0, &worker->path);
    tus_append(&worker->own, &worker->path, 0, plan->size);
    worker->offset = plan->size;
}

static uint64_t head_turn(struct worker *worker)
{
    const struct work_plan *plan = worker->plan;

    if (plan->path_count > 0)
        (void)tus_offset(&worker->own, &plan->paths[random_below(worker, plan->path_count)]);
    else
        append_check(worker);
    return 0;
}

/* ---- resume ---- */

/* Half an upload, and then nothing, on a connection of which nobody hears that it is dead. */
static void resume_arm(struct worker *worker)
{
    uint64_t half = worker->plan->size / 2;

    connection_close(&worker->silent);
    tus_create(&worker->own, worker->plan->size, 0, &worker->path);
    tus_append_begin(&worker->silent, &worker->path, 0, worker->plan->size);
    connection_content(&worker->silent, 0, half);
    crowd_pause(worker->client); /* the server reads it; were it not done, the offset would tell */
}

/* Where the machine has stalled for all of the pause, the server had not read of that writer yet: another one, said
 * aloud, and for few turns of a client. */
static uint64_t resume_offset(struct worker *worker)
{
    uint64_t offset = tus_offset(&worker->own, &worker->path);

    while (offset == 0 && worker->late < LATE_MOST) {
        worker->late++;
        warnx("client %zu, HEAD %s: nothing was read of its silent writer yet, another one",
              worker->client->number, worker->path.text);
        resume_arm(worker);
        offset = tus_offset(&worker->own, &worker->path);
    }
    return offset;
}

static uint64_t resume_turn(struct worker *worker)
{
    uint64_t half = worker->plan->size / 2;

    expect_offset(worker, resume_offset(worker), half);
    tus_append(&worker->own, &worker->path, half, worker->plan->size - half);
    return worker->plan->size - half;
}

/* ---- slow ---- */

static uint64_t slow_bytes(const struct worker *worker)
{
    return worker->plan->size * (worker->plan->rounds + 1);
}

static void slow_prepare(struct worker *worker)
{
    tus_create(&worker->own, slow_bytes(worker), 0, &worker->path);
    tus_append_begin(&worker->own, &worker->path, 0, slow_bytes(worker));
}

static uint64_t slow_turn(struct worker *worker)
{
    connection_content(&worker->own, worker->offset, worker->plan->size);
    worker->offset += worker->plan->size;
    return worker->plan->size;
}

static void slow_check(struct worker *worker)
{
    (void)slow_turn(worker);
    tus_append_end(&worker->own, slow_bytes(worker));
}

/* ---- mixed ---- */

static void mixed_prepare(struct worker *worker)
{
    append_prepare(worker);
}

static uint64_t mixed_turn(struct worker *worker)
{
    uint64_t (*const turns[WORK_MIX])(struct worker *) = { small_turn, append_turn, head_turn };
    const unsigned *weights = worker->plan->weights;
    uint64_t thrown = random_below(worker, (uint64_t)weights[0] + weights[1] + weights[2]);
    size_t i = 0;

    while (i < WORK_MIX - 1 && thrown >= weights[i])
        thrown -= weights[i++];
    return turns[i](worker);
}

/* ---- all of them ---- */

static const struct work works[] = {
    { .name = "bulk", .size = 1 << 30, .turn = bulk_turn },
    { .name = "put", .size = 1 << 30, .turn = put_turn },
    { .name = "small", .size = 4096, .turn = small_turn },
    { .name = "whole", .size = 4096, .turn = whole_turn },
    { .name = "append",
      .size = 4096,
      .prepare = append_prepare,
      .turn = append_turn,
      .check = append_check },
    { .name = "head", .size = 4096, .prepare = head_prepare, .turn = head_turn },
    { .name = "resume", .size = UINT64_C(64) * 1024, .arm = resume_arm, .turn = resume_turn },
    { .name = "slow",
      .size = 1024,
      .prepare = slow_prepare,
      .turn = slow_turn,
      .check = slow_check },
    { .name = "mixed",
      .size = 4096,
      .prepare = mixed_prepare,
      .turn = mixed_turn,
      .check = append_check },
};

const struct work *work_find(const char *name)
{
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
        if (strcmp(works[i].name, name) == 0)
            return &works[i];
    return NULL;
}

const char *work_name(const struct work *work)
{
    return work->name;
}

uint64_t work_size(const struct work *work)
{
    return work->size;
}

bool work_is_slow(const struct work *work)
{
    return work->turn == slow_turn;
}

bool work_asks(const struct work *work)
{
    return work->turn == head_turn;
}

bool work_mixes(const struct work *work)
{
    return work->turn == mixed_turn;
}

static void worker_go(struct worker *worker)
{
    const struct work *work = worker->plan->work;

    for (;; worker->number++) {
        bool rest = worker->plan->rounds > 0 && worker->number == worker->plan->rounds;
        if (rest || !crowd_turn(worker->client))
            return;
        crowd_turn_end(worker->client, work->turn(worker));
        if (work->arm != NULL)
            work->arm(worker);
    }
}

void work_run(struct client *client)
{
    const struct work_plan *plan = client->plan;
    AUTO_FREE struct worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL)
        err(1, "memory");
    worker->client = client;
    worker->plan = plan;
    worker->random = (client->number + 1) * 88172645463325252;
    connection_init(&worker->own, client, &plan->target);
    connection_init(&worker->silent, client, &plan->target);

    if (plan->work->prepare != NULL)
        plan->work->prepare(worker);
    if (plan->work->arm != NULL)
        plan->work->arm(worker);
    crowd_ready(client);
    worker_go(worker);
    crowd_finish(client);
    if (plan->work->check != NULL)
        plan->work->check(worker);
    connection_close(&worker->own);
    connection_close(&worker->silent);
}
