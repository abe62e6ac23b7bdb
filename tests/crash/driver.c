/*
 * Drives a store with everything that it can do, from several threads at once, and marks what it
 * acknowledges
 *
 *     driver DATA MARK SEED STEPS [KILL_AFTER]
 *
 * MARK is a file to append the marks of ledger.h to; marks that are in it already tell what an
 * earlier run left behind. With an even SEED finals become one file each. Ends after STEPS steps of each client, or by SIGKILL after KILL_AFTER
 * marks. Exit status 3 and a line "VIOLATION ..." when the store breaks a promise while it runs.
 */
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/number.h"
#include "tests/crash/client.h"
#include "tests/crash/marks.h"
#include "tests/crash/world.h"

enum {
    CLIENTS = 6,
    MARKS_PER_SECOND = 6, /* of the test's clock */
    SWEEP_S = 4,
    FIRST_TIME = 1000000000,
};

struct runner {
    pthread_t thread;
    uint64_t steps;
    struct client client;
};

struct clock {
    pthread_t thread;
    struct store *store;
    atomic_bool stop;
};

static void *runner_run(void *argument)
{
    struct runner *runner = argument;

    for (uint64_t i = 0; i < runner->steps; i++)
        client_step(&runner->client);
    return NULL;
}

/*
 * Lets the clock go with the marks, and with it commits by age, expiry and the janitor. Ticks come
 * all the time, as those who wait for room depend on them.
 */
static void *clock_run(void *argument)
{
    struct clock *clock = argument;

    while (!atomic_load(&clock->stop)) {
        bool later = mark_time(world_time() + 1, MARKS_PER_SECOND);
        if (later)
            world_set_time(world_time() + 1);
        store_tick(clock->store);
        if (later && world_time() % SWEEP_S == 0 && store_sweep(clock->store) != 0)
            world_violation("the janitor failed");
        if (!later)
            (void)usleep(500);
    }
    return NULL;
}

static void run_all(struct store *store, uint64_t seed, uint64_t steps)
{
    static struct runner runners[CLIENTS];
    static struct clock clock;

    clock.store = store;
    if (pthread_create(&clock.thread, NULL, clock_run, &clock) != 0)
        errx(2, "no thread");
    for (size_t i = 0; i < CLIENTS; i++) {
        client_init(&runners[i].client, seed * CLIENTS + i);
        runners[i].steps = steps;
        if (pthread_create(&runners[i].thread, NULL, runner_run, &runners[i]) != 0)
            errx(2, "no thread");
    }
    for (size_t i = 0; i < CLIENTS; i++)
        (void)pthread_join(runners[i].thread, NULL);
    atomic_store(&clock.stop, true);
    (void)pthread_join(clock.thread, NULL);
}

static uint64_t number(const char *text)
{
    uint64_t number;

    if (!number_parse(bytes_of_text(text), UINT64_MAX, &number))
        errx(2, "not a number: %s", text);
    return number;
}

int main(int count, char **arguments)
{
    if (count < 5)
        errx(2, "usage: driver DATA MARK SEED STEPS [KILL_AFTER]");

    marks_open(arguments[2], count > 5 ? number(arguments[5]) : 0);
    marks_of_unlinks();
    int64_t now = marks_now() > 0 ? marks_now() : FIRST_TIME;
    uint64_t seed = number(arguments[3]);
    struct store *store = world_open(arguments[1], now, seed % 2 == 0);
    client_take_up(store);
    run_all(store, seed, number(arguments[4]));
    store_close(store);
    (void)printf("marks=%lu\n", marks_count());
    return 0;
}
