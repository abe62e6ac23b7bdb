/*
 * Commits of many uploads at once: such that nobody waits for, and such that many wait for
 */
#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

enum {
    UPLOADS = 6,
    BYTES = 1000,
    LATE_MS = 30 * 1000, /* bytes that trickle are committed after that */
};

static atomic_uint_fast64_t test_clock_ms;
static atomic_uint syncfs_calls, fdatasync_calls, fsync_calls;
static atomic_bool syncfs_fails, fdatasync_held;
static atomic_int bad_fd = -1;
static atomic_uint_fast32_t magic;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool held, reached;
} gate = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static uint64_t monotonic_ms(void)
{
    return atomic_load(&test_clock_ms);
}

static int fstatfs_of_a_kind(int fd, struct statfs *ret_statfs)
{
    int r = os_linux.fstatfs(fd, ret_statfs);
    ret_statfs->f_type = (__fsword_t)atomic_load(&magic);
    return r;
}

/* In the gate, as long as that is closed. */
static int syncfs_held(int fd)
{
    atomic_fetch_add(&syncfs_calls, 1);
    pthread_mutex_lock(&gate.mutex);
    gate.reached = true;
    pthread_cond_broadcast(&gate.changed);
    while (gate.held)
        pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
    errno = EIO;
    return atomic_load(&syncfs_fails) ? -1 : os_linux.syncfs(fd);
}

static int fdatasync_counted(int fd)
{
    atomic_fetch_add(&fdatasync_calls, 1);
    while (atomic_load(&fdatasync_held))
        usleep(1000);
    errno = EIO;
    return fd == atomic_load(&bad_fd) ? -1 : os_linux.fdatasync(fd);
}

static int fsync_counted(int fd)
{
    atomic_fetch_add(&fsync_calls, 1);
    return os_linux.fsync(fd);
}

static int sync_file_range_of_a_bad_file(int fd, off_t offset, off_t count, unsigned flags)
{
    errno = EIO;
    return fd == atomic_load(&bad_fd) ? -1 : os_linux.sync_file_range(fd, offset, count, flags);
}

/* The file of the first upload that is written to. */
static int openat_of_a_bad_file(int directory, const char *path, int flags, mode_t mode)
{
    int expected = -1;

    int fd = os_linux.openat(directory, path, flags, mode);
    if (strlen(path) == 35)
        (void)atomic_compare_exchange_strong(&bad_fd, &expected, fd);
    return fd;
}

static void gate_close(void)
{
    gate.held = true;
    gate.reached = false;
}

static void gate_await(void)
{
    pthread_mutex_lock(&gate.mutex);
    while (!gate.reached)
        pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

static void gate_open(void)
{
    pthread_mutex_lock(&gate.mutex);
    gate.held = false;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.mutex);
}

static int set_up(void **state)
{
    atomic_store(&test_clock_ms, 1000000);
    atomic_store(&magic, EXT4_SUPER_MAGIC);
    atomic_store(&syncfs_calls, 0);
    atomic_store(&fdatasync_calls, 0);
    atomic_store(&syncfs_fails, false);
    atomic_store(&bad_fd, -1);
    atomic_store(&fdatasync_held, false);
    gate.held = false;
    os.monotonic_ms = monotonic_ms;
    os.fstatfs = fstatfs_of_a_kind;
    os.syncfs = syncfs_held;
    os.fdatasync = fdatasync_counted;
    os.fsync = fsync_counted;
    return fixture_set_up(state);
}

/* ---- uploads that trickle ---- */

struct crowd {
    struct upload_id ids[UPLOADS];
    struct upload *uploads[UPLOADS];
};

static struct crowd crowd_of(struct fixture *fixture)
{
    struct crowd crowd;

    for (size_t i = 0; i < UPLOADS; i++) {
        crowd.ids[i] = fixture_create(fixture, UINT64_MAX);
        crowd.uploads[i] = fixture_writer(fixture, &crowd.ids[i]);
    }
    return crowd;
}

/* What was sent is on its way into the files, and nothing is synced. */
static void crowd_sends(struct fixture *fixture, struct crowd *crowd)
{
    for (size_t i = 0; i < UPLOADS; i++)
        assert_int_equal(append_pattern(crowd->uploads[i], BYTES), 0);
    while (store_statistics(fixture->store).dirty_bytes < (uint64_t)UPLOADS * BYTES)
        usleep(1000);
    atomic_store(&syncfs_calls, 0);
    atomic_store(&fdatasync_calls, 0);
    atomic_store(&fsync_calls, 0);
}

static void crowd_grows_old(struct fixture *fixture)
{
    atomic_fetch_add(&test_clock_ms, LATE_MS);
    store_tick(fixture->store);
}

/* All are in the batch, whose syncfs does not return. */
static void crowd_is_held(struct fixture *fixture, struct crowd *crowd)
{
    crowd_sends(fixture, crowd);
    gate_close();
    crowd_grows_old(fixture);
    gate_await();
}

/* With ticks: the one before may have found the batch busy. */
static void wait_until_durable(struct fixture *fixture, struct upload *upload, uint64_t offset)
{
    while (upload_offset(upload) < offset) {
        store_tick(fixture->store);
        usleep(1000);
    }
}

static void crowd_closes(struct crowd *crowd)
{
    for (size_t i = 0; i < UPLOADS; i++)
        upload_close(crowd->uploads[i]);
}

/* ---- the tests ---- */

static void what_trickles_is_synced_together(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = crowd_of(fixture);

    for (uint64_t round = 1; round <= 2; round++) {
        crowd_sends(fixture, &crowd);
        crowd_grows_old(fixture);
        for (size_t i = 0; i < UPLOADS; i++)
            wait_until_durable(fixture, crowd.uploads[i], round * BYTES);
        assert_int_equal(atomic_load(&syncfs_calls), 1);
        assert_int_equal(atomic_load(&fdatasync_calls), 0);
        assert_int_equal(atomic_load(&fsync_calls), 1); /* behind syncfs; no directory by itself */
    }
    crowd_closes(&crowd);
    for (size_t i = 0; i < UPLOADS; i++)
        assert_pattern(fixture_path(fixture, &crowd.ids[i]), 2ULL * BYTES);
}

static void few_are_synced_apart(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, BYTES), 0);
    while (store_statistics(fixture->store).dirty_bytes < BYTES)
        usleep(1000);
    crowd_grows_old(fixture);
    wait_until_durable(fixture, upload, BYTES);
    assert_int_equal(atomic_load(&syncfs_calls), 0);
    upload_close(upload);
}

static void who_is_waited_for_does_not_wait_for_others(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = crowd_of(fixture);

    crowd_is_held(fixture, &crowd);
    for (size_t i = 0; i < UPLOADS; i += 2) {
        assert_int_equal(append_pattern(crowd.uploads[i], 1), 0);
        assert_int_equal(upload_commit_wait(crowd.uploads[i]), 0);
        assert_int_equal(upload_offset(crowd.uploads[i]), BYTES + 1);
    }
    crowd_closes(&crowd);
    for (size_t i = 0; i < UPLOADS; i++) {
        struct upload *upload = fixture_writer(fixture, &crowd.ids[i]);
        assert_int_equal(upload_offset(upload), BYTES + (i % 2 == 0));
        upload_close(upload);
    }
    gate_open();
}

/* What comes while syncfs runs is in the file, but syncfs need not have seen it. */
static void what_comes_meanwhile_does_not_count(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = crowd_of(fixture);

    crowd_is_held(fixture, &crowd);
    for (size_t i = 0; i < UPLOADS; i++)
        assert_int_equal(append_pattern(crowd.uploads[i], 7), 0);
    while (store_statistics(fixture->store).dirty_bytes < (uint64_t)UPLOADS * (BYTES + 7))
        usleep(1000);
    gate_open();
    for (size_t i = 0; i < UPLOADS; i++) {
        wait_until_durable(fixture, crowd.uploads[i], BYTES);
        assert_int_equal(upload_offset(crowd.uploads[i]), BYTES);
    }
    crowd_closes(&crowd);
}

static void who_is_taken_over_leaves_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = crowd_of(fixture);
    const struct upload_writer writer = { .patience_ms = 100 };
    struct upload *newer = NULL;
    struct completion completion;

    crowd_is_held(fixture, &crowd);
    completion_init(&completion);
    assert_int_equal(upload_open(fixture->store, &crowd.ids[0], &writer, &newer,
                                 completion_done(&completion)),
                     0);
    wait_until_durable(fixture, crowd.uploads[0], BYTES);
    assert_int_equal(atomic_load(&fdatasync_calls), 1);
    upload_close(crowd.uploads[0]);
    assert_int_equal(completion_wait(&completion), 0);
    crowd.uploads[0] = newer;
    gate_open();
    crowd_closes(&crowd);
}

/* It has noted how long syncfs took, by the test's clock. */
static void wait_until_batch_is_over(struct fixture *fixture)
{
    struct store_meters meters;

    do {
        usleep(1000);
        store_read_meters(fixture->store, &meters);
    } while (meters.syncers.running > 0);
}

/* Commits by age come as late as a tick sees that it is slow, and not as late as it is over. */
static void a_slow_one_is_left_and_followed_by_a_rest(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = crowd_of(fixture);

    crowd_is_held(fixture, &crowd);
    atomic_fetch_add(&test_clock_ms, 1000);
    for (size_t i = 0; i < UPLOADS; i++)
        wait_until_durable(fixture, crowd.uploads[i], BYTES);
    assert_int_equal(atomic_load(&fdatasync_calls), UPLOADS);
    gate_open();
    wait_until_batch_is_over(fixture);

    for (uint64_t round = 2; round <= 3; round++) {
        crowd_sends(fixture, &crowd);
        crowd_grows_old(fixture);
        for (size_t i = 0; i < UPLOADS; i++)
            wait_until_durable(fixture, crowd.uploads[i], round * BYTES);
        assert_int_equal(atomic_load(&syncfs_calls), round == 2 ? 0 : 1);
        assert_int_equal(atomic_load(&fdatasync_calls), round == 2 ? UPLOADS : 0);
        atomic_fetch_add(&test_clock_ms, 2 * 3600 * 1000);
    }
    crowd_closes(&crowd);
}

static void who_comes_while_the_batch_is_busy_takes_the_next(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.commit_together_ms = 1000 * LATE_MS; /* it is not slow, the clock jumps */
    fixture_reopen(fixture);
    struct crowd first = crowd_of(fixture), second = crowd_of(fixture);
    crowd_is_held(fixture, &first);
    for (size_t i = 0; i < UPLOADS; i++)
        assert_int_equal(append_pattern(second.uploads[i], BYTES), 0);
    while (store_statistics(fixture->store).dirty_bytes < 2ULL * UPLOADS * BYTES)
        usleep(1000);
    crowd_grows_old(fixture);
    (void)upload_commit_wait(second.uploads[0]); /* by a thread that would have taken a second job before */
    assert_int_equal(atomic_load(&syncfs_calls), 1);
    gate_open();
    for (size_t i = 0; i < UPLOADS; i++)
        wait_until_durable(fixture, first.uploads[i], BYTES);
    for (size_t i = 0; i < UPLOADS; i++)
        wait_until_durable(fixture, second.uploads[i], BYTES);
    assert_int_equal(atomic_load(&syncfs_calls), 2);
    assert_int_equal(atomic_load(&fdatasync_calls), 1);
    crowd_closes(&first);
    crowd_closes(&second);
}

/* No later sync would tell it again. */
static void where_it_fails_all_end_at_their_last_offsets(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = crowd_of(fixture);

    atomic_store(&syncfs_fails, true);
    crowd_sends(fixture, &crowd);
    crowd_grows_old(fixture);
    while (store_statistics(fixture->store).dirty_bytes > 0)
        usleep(1000);
    for (size_t i = 0; i < UPLOADS; i++) {
        assert_int_equal(append_pattern(crowd.uploads[i], 1), -EIO);
        assert_int_equal(upload_offset(crowd.uploads[i]), 0);
    }
    assert_int_equal(atomic_load(&fdatasync_calls), 0);
    crowd_closes(&crowd);

    for (size_t i = 0; i < UPLOADS; i++) {
        struct upload *upload = fixture_writer(fixture, &crowd.ids[i]);
        assert_int_equal(append_pattern(upload, BYTES), 0);
        assert_int_equal(upload_commit_wait(upload), 0);
        upload_close(upload);
        assert_pattern(fixture_path(fixture, &crowd.ids[i]), BYTES);
    }
}

static void where_it_promises_too_little_each_is_synced_apart(void **state)
{
    struct fixture *fixture = *state;

    atomic_store(&magic, TMPFS_MAGIC);
    fixture_reopen(fixture);
    struct crowd crowd = crowd_of(fixture);
    crowd_sends(fixture, &crowd);
    crowd_grows_old(fixture);
    for (size_t i = 0; i < UPLOADS; i++)
        wait_until_durable(fixture, crowd.uploads[i], BYTES);
    assert_int_equal(atomic_load(&syncfs_calls), 0);
    assert_int_equal(atomic_load(&fdatasync_calls), UPLOADS);
    crowd_closes(&crowd);
}

/* syncfs may say that all is well: the error is the file's, and told to who asks that. */
static void whose_bytes_were_lost_is_damaged_alone(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = crowd_of(fixture);
    unsigned damaged = 0;

    os.openat = openat_of_a_bad_file;
    os.sync_file_range = sync_file_range_of_a_bad_file;
    crowd_sends(fixture, &crowd);
    crowd_grows_old(fixture);
    for (size_t i = 0; i < UPLOADS; i++)
        while (upload_offset(crowd.uploads[i]) < BYTES &&
               store_statistics(fixture->store).damaged_uploads == 0)
            usleep(1000);
    assert_int_equal(atomic_load(&syncfs_calls), 1);
    assert_int_equal(atomic_load(&fdatasync_calls), 0);
    crowd_closes(&crowd);
    fixture_reopen(fixture);
    for (size_t i = 0; i < UPLOADS; i++) {
        struct upload_info info = fixture_find(fixture, &crowd.ids[i]);
        bool bad = info.state == UPLOAD_DAMAGED;
        assert_int_equal(info.offset, bad ? 0 : BYTES);
        damaged += bad;
    }
    assert_int_equal(damaged, 1);
}

/* ---- who is waited for, too ---- */

static void open_for_many(struct fixture *fixture, unsigned threads)
{
    fixture->options.commit_together = 2;
    fixture->options.sync_threads = threads;
    fixture_reopen(fixture);
}

/* So many threads as there are free are held, each by one who syncs apart, until all have come. */
static void crowd_commits(struct crowd *crowd, struct completion *completions, unsigned free_threads)
{
    atomic_store(&fdatasync_held, true);
    for (size_t i = 0; i < UPLOADS; i++) {
        completion_init(&completions[i]);
        upload_commit(crowd->uploads[i], completion_done(&completions[i]));
        while (i < free_threads && atomic_load(&fdatasync_calls) <= i)
            usleep(1000);
    }
    atomic_store(&fdatasync_held, false);
    assert_int_equal(completion_wait(&completions[0]), 0);
}

static void crowd_is_answered(struct completion *completions, int result)
{
    for (size_t i = 1; i < UPLOADS; i++)
        assert_int_equal(completion_wait(&completions[i]), result);
}

static void many_who_are_waited_for_are_synced_together(void **state)
{
    struct fixture *fixture = *state;
    struct completion completions[UPLOADS];

    open_for_many(fixture, 1);
    struct crowd crowd = crowd_of(fixture);
    crowd_sends(fixture, &crowd);
    crowd_commits(&crowd, completions, 1);
    crowd_is_answered(completions, 0);
    assert_int_equal(atomic_load(&fdatasync_calls), 1);
    assert_int_equal(atomic_load(&syncfs_calls), 1);
    assert_int_equal(atomic_load(&fsync_calls), 2); /* the first one's directory, and behind syncfs */
    crowd_closes(&crowd);
    fixture_reopen(fixture);
    for (size_t i = 0; i < UPLOADS; i++) {
        assert_int_equal(fixture_find(fixture, &crowd.ids[i]).offset, BYTES);
        assert_pattern(fixture_path(fixture, &crowd.ids[i]), BYTES);
    }
}

static void one_after_the_other_is_synced_apart(void **state)
{
    struct fixture *fixture = *state;

    open_for_many(fixture, 1);
    struct crowd crowd = crowd_of(fixture);
    crowd_sends(fixture, &crowd);
    for (size_t i = 0; i < UPLOADS; i++)
        assert_int_equal(upload_commit_wait(crowd.uploads[i]), 0);
    assert_int_equal(atomic_load(&syncfs_calls), 0);
    crowd_closes(&crowd);
}

/* All but the first, one for each thread, are in syncfs, which does not return. */
static void crowd_commits_and_is_held(struct fixture *fixture, struct crowd *crowd,
                                      struct completion *completions)
{
    crowd_sends(fixture, crowd);
    gate_close();
    crowd_commits(crowd, completions, fixture->options.sync_threads);
    gate_await();
}

static void who_is_taken_over_does_not_wait_for_many(void **state)
{
    struct fixture *fixture = *state;
    struct completion completions[UPLOADS], opened;
    const struct upload_writer writer = { .patience_ms = 60 * 1000 };
    struct upload *newer = NULL;

    open_for_many(fixture, 2);
    struct crowd crowd = crowd_of(fixture);
    crowd_commits_and_is_held(fixture, &crowd, completions);
    completion_init(&opened);
    assert_int_equal(upload_open(fixture->store, &crowd.ids[UPLOADS - 1], &writer, &newer,
                                 completion_done(&opened)),
                     0);
    assert_int_equal(completion_wait(&completions[UPLOADS - 1]), 0);
    upload_close(crowd.uploads[UPLOADS - 1]);
    assert_int_equal(completion_wait(&opened), 0);
    crowd.uploads[UPLOADS - 1] = newer;
    gate_open();
    for (size_t i = 1; i + 1 < UPLOADS; i++)
        assert_int_equal(completion_wait(&completions[i]), 0);
    crowd_closes(&crowd);
}

static void many_do_not_wait_for_a_slow_syncfs(void **state)
{
    struct fixture *fixture = *state;
    struct completion completions[UPLOADS];

    open_for_many(fixture, 2);
    struct crowd crowd = crowd_of(fixture);
    crowd_commits_and_is_held(fixture, &crowd, completions);
    atomic_fetch_add(&test_clock_ms, 1000);
    store_tick(fixture->store);
    crowd_is_answered(completions, 0);
    assert_int_equal(atomic_load(&syncfs_calls), 1);
    assert_int_equal(atomic_load(&fdatasync_calls), UPLOADS);
    crowd_sends(fixture, &crowd);
    crowd_commits(&crowd, completions, 1);
    crowd_is_answered(completions, 0); /* who comes while it is late, too */
    gate_open();

    wait_until_batch_is_over(fixture);
    crowd_sends(fixture, &crowd);
    crowd_commits(&crowd, completions, 2);
    crowd_is_answered(completions, 0);
    assert_int_equal(atomic_load(&syncfs_calls), 0); /* it rests */
    crowd_closes(&crowd);
}

/* Their bytes are written, by threads that have nothing more to do. */
static void wait_until_all_have_joined(struct fixture *fixture)
{
    struct store_meters meters;

    do {
        usleep(1000);
        store_read_meters(fixture->store, &meters);
    } while (meters.io.waiting + meters.io.running > 0);
}

static void who_comes_meanwhile_is_synced_by_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct completion firsts[UPLOADS], seconds[UPLOADS];

    open_for_many(fixture, 1);
    struct crowd first = crowd_of(fixture), second = crowd_of(fixture);
    crowd_commits_and_is_held(fixture, &first, firsts);
    for (size_t i = 0; i < UPLOADS; i++) {
        assert_int_equal(append_pattern(second.uploads[i], BYTES), 0);
        completion_init(&seconds[i]);
        upload_commit(second.uploads[i], completion_done(&seconds[i]));
    }
    wait_until_all_have_joined(fixture);
    gate_open();
    crowd_is_answered(firsts, 0);
    for (size_t i = 0; i < UPLOADS; i++)
        assert_int_equal(completion_wait(&seconds[i]), 0);
    assert_int_equal(atomic_load(&syncfs_calls), 2);
    assert_int_equal(atomic_load(&fdatasync_calls), 1);
    crowd_closes(&first);
    crowd_closes(&second);
}

/* Nor does who comes back for what a connection left behind that has died. */
static void who_vanishes_does_not_wait_for_many(void **state)
{
    struct fixture *fixture = *state;
    struct completion completions[UPLOADS];

    open_for_many(fixture, 2);
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = fixture_writer(fixture, &id);
    struct crowd crowd = crowd_of(fixture);
    crowd_commits_and_is_held(fixture, &crowd, completions);
    assert_int_equal(append_pattern(upload, BYTES), 0);
    upload_close(upload);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), BYTES);
    upload_close(upload);
    gate_open();
    crowd_is_answered(completions, 0);
    crowd_closes(&crowd);
}

static void many_are_told_that_their_bytes_are_lost(void **state)
{
    struct fixture *fixture = *state;
    struct completion completions[UPLOADS];

    open_for_many(fixture, 1);
    struct crowd crowd = crowd_of(fixture);
    atomic_store(&syncfs_fails, true);
    crowd_commits_and_is_held(fixture, &crowd, completions);
    gate_open();
    crowd_is_answered(completions, -EIO);
    for (size_t i = 1; i < UPLOADS; i++)
        assert_int_equal(upload_offset(crowd.uploads[i]), 0);
    crowd_closes(&crowd);
}

/* Its own fdatasync, which has begun before, says that all is well; it might after the failure, too. */
static void who_has_left_ends_with_those_who_have_not(void **state)
{
    struct fixture *fixture = *state;
    struct completion completions[UPLOADS], opened;
    const struct upload_writer writer = { .patience_ms = 60 * 1000 };
    struct upload *newer = NULL;

    open_for_many(fixture, 2);
    struct crowd crowd = crowd_of(fixture);
    atomic_store(&syncfs_fails, true);
    crowd_commits_and_is_held(fixture, &crowd, completions);
    struct upload *leaver = crowd.uploads[UPLOADS - 1];
    assert_int_equal(completion_wait(&completions[1]), 0); /* its thread is free */
    atomic_store(&fdatasync_calls, 0);
    atomic_store(&fdatasync_held, true);
    completion_init(&opened);
    assert_int_equal(upload_open(fixture->store, &crowd.ids[UPLOADS - 1], &writer, &newer,
                                 completion_done(&opened)),
                     0);
    while (atomic_load(&fdatasync_calls) == 0)
        usleep(1000);
    gate_open();
    for (size_t i = fixture->options.sync_threads; i + 1 < UPLOADS; i++)
        assert_int_equal(completion_wait(&completions[i]), -EIO);
    atomic_store(&fdatasync_held, false);
    assert_int_equal(completion_wait(&completions[UPLOADS - 1]), -EIO);
    assert_int_equal(upload_offset(leaver), 0);
    upload_close(leaver);
    assert_int_equal(completion_wait(&opened), 0);
    assert_int_equal(upload_offset(newer), 0);
    crowd.uploads[UPLOADS - 1] = newer;
    crowd_closes(&crowd);
}

#define BATCH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BATCH_TEST(what_trickles_is_synced_together),
        BATCH_TEST(few_are_synced_apart),
        BATCH_TEST(who_is_waited_for_does_not_wait_for_others),
        BATCH_TEST(what_comes_meanwhile_does_not_count),
        BATCH_TEST(who_is_taken_over_leaves_at_once),
        BATCH_TEST(a_slow_one_is_left_and_followed_by_a_rest),
        BATCH_TEST(who_comes_while_the_batch_is_busy_takes_the_next),
        BATCH_TEST(where_it_fails_all_end_at_their_last_offsets),
        BATCH_TEST(where_it_promises_too_little_each_is_synced_apart),
        BATCH_TEST(whose_bytes_were_lost_is_damaged_alone),
        BATCH_TEST(many_who_are_waited_for_are_synced_together),
        BATCH_TEST(one_after_the_other_is_synced_apart),
        BATCH_TEST(who_is_taken_over_does_not_wait_for_many),
        BATCH_TEST(many_do_not_wait_for_a_slow_syncfs),
        BATCH_TEST(who_comes_meanwhile_is_synced_by_the_next),
        BATCH_TEST(who_vanishes_does_not_wait_for_many),
        BATCH_TEST(many_are_told_that_their_bytes_are_lost),
        BATCH_TEST(who_has_left_ends_with_those_who_have_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
