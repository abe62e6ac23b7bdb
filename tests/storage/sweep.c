/*
 * The fault sweep: whatever call of the store fails, it answers honestly and opens again
 *
 *     sweep KIND [STEP]      eio, enospc, edquot, emfile, short, memory or sqlite-memory;
 *                            every STEP-th call; FERRY_SWEEP_STEP in the environment wins
 *
 * A child process lives the life of tests/storage/life.h with the n-th call failing, n = 1, 2, 3
 * ..., once and for ever, until it passes untouched. It may end by the one fatal line that
 * base/fail.h describes. The parent then opens what is left and holds it to every promise.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "storage/os.h"
#include "tests/storage/fault.h"
#include "tests/storage/fixture.h"
#include "tests/storage/life.h"

/* What a sanitizer has found must not look like the fatal end, status 1. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "exitcode=99";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "exitcode=99";
}

static const char *const kind_names[] = {
    [FAULT_EIO] = "eio",
    [FAULT_ENOSPC] = "enospc",
    [FAULT_EDQUOT] = "edquot",
    [FAULT_EMFILE] = "emfile",
    [FAULT_SHORT] = "short",
    [FAULT_MEMORY] = "memory",
    [FAULT_SQLITE_MEMORY] = "sqlite-memory",
};

static enum fault_kind sweep_kind;
static unsigned long sweep_step = 1;
static bool under_valgrind;

/* What a child tells its parent. */
struct report {
    struct life life;
    bool hit;
    atomic_bool fatal;
    unsigned long calls;
};

static void sweep_child(struct report *report, const struct fixture *fixture, unsigned long nth,
                        bool forever)
{
    (void)setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion is no end with status 1 */
    fault_arm(sweep_kind, nth, forever, &report->fatal);
    life_run(&report->life, &fixture->options);
    report->hit = fault_hit();
    report->calls = fault_calls();
    exit(0); /* leaks are looked for here */
}

/* A failed file call damages the one upload that it belongs to. */
static unsigned sweep_damaged_most(bool forever)
{
    if (sweep_kind != FAULT_EIO)
        return 0;
    return forever ? LIFE_UPLOADS : 1;
}

/* By itself, or by the fatal line, after which valgrind finds memory that nobody has freed. */
static bool sweep_ended_well(int status, bool fatal)
{
    if (!WIFEXITED(status))
        return false;
    int code = WEXITSTATUS(status);
    return code == 0 || (fatal && (code == 1 || (code == 9 && under_valgrind)));
}

/* False: the life has passed untouched. */
static bool sweep_one(struct report *report, unsigned long nth, bool forever)
{
    struct fixture fixture = fixture_new();
    int status;

    fixture.options.directory = fixture.directory;
    fixture.options.io_threads = fixture.options.sync_threads = 1;
    *report = (struct report){ .hit = true };
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        sweep_child(report, &fixture, nth, forever);
    assert_int_equal(waitpid(child, &status, 0), child);

    if (!sweep_ended_well(status, report->fatal))
        fail_msg("%s of call %lu%s: the process ended badly, status %#x", kind_names[sweep_kind],
                 nth, forever ? " and all later ones" : "", (unsigned)status);
    life_check(&report->life, &fixture.options, sweep_damaged_most(forever));
    fixture_remove(&fixture);
    return report->hit;
}

static void sweep(bool forever)
{
    struct report *report =
        mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned long nth = 1;

    assert_true(report != MAP_FAILED);
    log_set_level(LOG_LEVEL_ERROR);
    while (sweep_one(report, nth, forever))
        nth += sweep_step;
    assert_true(report->life.finished);
    print_message("# %s, %s: %lu calls in an untouched life\n", kind_names[sweep_kind],
                  forever ? "for ever" : "once", report->calls);
    assert_int_equal(munmap(report, sizeof(*report)), 0);
}

static void survives_every_call_that_fails_once(void **state)
{
    (void)state;
    sweep(false);
}

static void survives_every_call_that_fails_for_ever(void **state)
{
    (void)state;
    sweep(true);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_call_that_fails_once),
        cmocka_unit_test(survives_every_call_that_fails_for_ever),
    };

    const char *wish = getenv("FERRY_SWEEP_STEP");
    if (wish == NULL && argc == 3)
        wish = argv[2];
    if (wish != NULL)
        sweep_step = strtoul(wish, NULL, 10);
    under_valgrind = getenv("FERRY_TEST_WRAPPER") != NULL;
    if (under_valgrind)
        sweep_step *= 40; /* a life takes a second */
    for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]) && argc > 1; i++)
        if (strcmp(argv[1], kind_names[i]) == 0) {
            sweep_kind = (enum fault_kind)i;
            fault_wrap_sqlite_memory();
            return cmocka_run_group_tests(tests, NULL, NULL);
        }
    (void)fprintf(stderr, "usage: sweep KIND [STEP]\n");
    return 2;
}
