#include "server/fiber.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

static void add_three(void *argument)
{
    int *number = argument;

    ++*number;
    fiber_suspend();
    ++*number;
    fiber_suspend();
    ++*number;
}

static void runs_in_steps(void **state)
{
    int number = 0;

    (void)state;
    struct fiber *fiber = fiber_create(add_three, &number);
    assert_non_null(fiber);
    assert_int_equal(fiber_count(), 1);
    for (int step = 1; step <= 3; step++) {
        assert_false(fiber_finished(fiber));
        fiber_resume(fiber);
        assert_int_equal(number, step);
    }
    assert_true(fiber_finished(fiber));
    fiber_destroy(fiber);
    assert_int_equal(fiber_count(), 0);
}

static void many_take_turns_and_use_their_stacks_again(void **state)
{
    enum {
        FIBERS = 500
    };
    struct fiber *fibers[FIBERS];
    int numbers[FIBERS];

    (void)state;
    for (int round = 1; round <= 3; round++) {
        memset(numbers, 0, sizeof(numbers));
        for (int i = 0; i < FIBERS; i++) {
            fibers[i] = fiber_create(add_three, &numbers[i]);
            assert_non_null(fibers[i]);
        }
        for (int step = 1; step <= 3; step++)
            for (int i = 0; i < FIBERS; i++)
                fiber_resume(fibers[i]);
        for (int i = 0; i < FIBERS; i++) {
            assert_int_equal(numbers[i], 3);
            fiber_destroy(fibers[i]);
        }
    }
    assert_int_equal(fiber_count(), 0);
    fiber_release_stacks();
}

static void may_be_destroyed_before_it_starts(void **state)
{
    (void)state;
    fiber_destroy(fiber_create(add_three, NULL));
    fiber_destroy(NULL);
    assert_int_equal(fiber_count(), 0);
}

/* Most of the stack can be used, and what is written there stays over a switch. */
static void use_the_stack(void *argument)
{
    volatile unsigned char bytes[FIBER_STACK_BYTES - 16 * 1024];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7);
    fiber_suspend();
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        wrong += bytes[i] != (unsigned char)(i * 7);
    *(size_t *)argument = wrong;
}

static void keeps_its_stack_over_a_switch(void **state)
{
    size_t wrong[2] = { 1, 1 };

    (void)state;
    struct fiber *one = fiber_create(use_the_stack, &wrong[0]);
    struct fiber *other = fiber_create(use_the_stack, &wrong[1]);
    fiber_resume(one);
    fiber_resume(other);
    fiber_resume(one);
    fiber_resume(other);
    assert_int_equal(wrong[0], 0);
    assert_int_equal(wrong[1], 0);
    fiber_destroy(one);
    fiber_destroy(other);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int overflow(volatile char *above) /* NOLINT(misc-no-recursion) */
{
    volatile char frame[1024];
    frame[0] = above == NULL ? '\0' : above[0];
    return overflow(frame) + frame[0];
}
#pragma GCC diagnostic pop

static void overflow_body(void *argument)
{
    (void)argument;
    (void)overflow(NULL);
}

/* The guard page, not the memory of another fiber: the process dies, in whichever way its build does. */
static void an_overflow_meets_the_guard_page(void **state)
{
    int status;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(STDERR_FILENO);
        (void)signal(SIGSEGV, SIG_DFL);
        fiber_resume(fiber_create(overflow_body, NULL));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

static void *run_some(void *argument)
{
    (void)argument;
    for (int round = 0; round < 200; round++) {
        int number = 0;
        struct fiber *fiber = fiber_create(add_three, &number);
        while (!fiber_finished(fiber))
            fiber_resume(fiber);
        fiber_destroy(fiber);
    }
    return NULL;
}

static void threads_share_the_kept_stacks(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_some, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(fiber_count(), 0);
    fiber_release_stacks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_in_steps),
        cmocka_unit_test(many_take_turns_and_use_their_stacks_again),
        cmocka_unit_test(may_be_destroyed_before_it_starts),
        cmocka_unit_test(keeps_its_stack_over_a_switch),
        cmocka_unit_test(an_overflow_meets_the_guard_page),
        cmocka_unit_test(threads_share_the_kept_stacks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fiber_release_stacks();
    return failed;
}
