#include "base/workers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/refusal.h"
#include "tests/check.h"

/* A door that jobs wait at, so that a test decides when they go on. */
struct door {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int waiting, passed;
    int open;
};

struct door_job {
    struct job job;
    struct door *door;
};

static void door_run(struct job *job)
{
    struct door *door = ((struct door_job *)job)->door;

    pthread_mutex_lock(&door->mutex);
    door->waiting++;
    pthread_cond_broadcast(&door->changed);
    while (!door->open)
        pthread_cond_wait(&door->changed, &door->mutex);
    door->passed++;
    pthread_mutex_unlock(&door->mutex);
}

static void door_wait_for(struct door *door, int waiting)
{
    pthread_mutex_lock(&door->mutex);
    while (door->waiting < waiting)
        pthread_cond_wait(&door->changed, &door->mutex);
    pthread_mutex_unlock(&door->mutex);
}

static void door_open(struct door *door)
{
    pthread_mutex_lock(&door->mutex);
    door->open = 1;
    pthread_cond_broadcast(&door->changed);
    pthread_mutex_unlock(&door->mutex);
}

static void runs_as_many_at_a_time_as_there_are_threads(void **state)
{
    struct door door = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    struct door_job jobs[3];
    struct workers *workers;

    (void)state;
    assert_int_equal(workers_start("test", 3, 10, &workers), 0);
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct door_job){ .job.run = door_run, .door = &door };
        assert_int_equal(workers_submit(workers, &jobs[i].job), 0);
    }
    door_wait_for(&door, 3); /* all three are inside at once */
    door_open(&door);
    workers_stop(workers);
    assert_int_equal(door.passed, 3);
}

static void refuses_beyond_the_bound_and_runs_what_waits(void **state)
{
    struct door door = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    struct door_job jobs[4];
    struct workers *workers;

    (void)state;
    assert_int_equal(workers_start("test", 1, 2, &workers), 0);
    for (int i = 0; i < 4; i++)
        jobs[i] = (struct door_job){ .job.run = door_run, .door = &door };
    assert_int_equal(workers_submit(workers, &jobs[0].job), 0);
    door_wait_for(&door, 1); /* it runs, so nothing waits */
    assert_int_equal(workers_submit(workers, &jobs[1].job), 0);
    assert_int_equal(workers_submit(workers, &jobs[2].job), 0);
    assert_int_equal(workers_submit(workers, &jobs[3].job), REFUSED_OVERLOADED);
    door_open(&door);
    workers_stop(workers);
    assert_int_equal(door.passed, 3);
}

struct order_job {
    struct job job;
    int number;
    int *next;
    int *wrong;
};

static void order_run(struct job *job)
{
    struct order_job *order = (struct order_job *)job;
    if (order->number != (*order->next)++)
        ++*order->wrong;
}

static void takes_jobs_in_their_order(void **state)
{
    enum {
        JOBS = 100
    };
    struct order_job jobs[JOBS];
    struct workers *workers;
    int next = 0;
    int wrong = 0;

    (void)state;
    assert_int_equal(workers_start("test", 1, JOBS, &workers), 0);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] =
            (struct order_job){ .job.run = order_run, .number = i, .next = &next, .wrong = &wrong };
        assert_int_equal(workers_submit(workers, &jobs[i].job), 0);
    }
    workers_stop(workers);
    assert_int_equal(next, JOBS);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_as_many_at_a_time_as_there_are_threads),
        cmocka_unit_test(refuses_beyond_the_bound_and_runs_what_waits),
        cmocka_unit_test(takes_jobs_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
