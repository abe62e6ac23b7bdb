/*
 * Several writers for one upload: the newest wins, nothing that was received is lost
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

static atomic_uint_fast64_t test_clock_ms;

static uint64_t test_monotonic_ms(void)
{
    return atomic_load(&test_clock_ms);
}

static int set_up_with_clock(void **state)
{
    atomic_store(&test_clock_ms, 1000);
    os.monotonic_ms = test_monotonic_ms;
    return fixture_set_up(state);
}

/* A writer that waits, and counts how often it was told to end. */
struct waiting {
    struct fixture *fixture;
    struct upload_writer writer;
    struct upload *upload;
    struct completion completion;
    atomic_int ended;
};

static void waiting_ended(void *argument)
{
    struct waiting *waiting = argument;
    atomic_fetch_add(&waiting->ended, 1);
}

static void waiting_start(struct waiting *waiting, struct fixture *fixture,
                          const struct upload_id *id)
{
    *waiting = (struct waiting){ .fixture = fixture };
    waiting->writer = (struct upload_writer){
        .ended = waiting_ended,
        .argument = waiting,
        .patience_ms = 5000,
    };
    completion_init(&waiting->completion);
    assert_int_equal(upload_open(fixture->store, id, &waiting->writer, &waiting->upload,
                                 completion_done(&waiting->completion)),
                     0);
}

/* The result for who asks by a writer with that check, to which the test is the argument. */
static int open_checked(struct fixture *fixture, const struct upload_id *id,
                        int (*check)(void *argument, const struct upload_info *info),
                        struct upload **ret_upload)
{
    const struct upload_writer writer = { .patience_ms = 5000,
                                          .check = check,
                                          .check_argument = fixture };

    return upload_open_wait(fixture->store, id, &writer, ret_upload);
}

static int is_not_wanted(void *argument, const struct upload_info *info)
{
    (void)argument;
    assert_int_equal(info->offset, 0);
    return REFUSED_OFFSET_MISMATCH;
}

static int never_comes(void *argument, const struct upload_info *info)
{
    (void)argument, (void)info;
    fail_msg("a check of what is not there");
    return 0;
}

static void who_is_not_wanted_ends_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX), unknown = { 0 };
    struct upload *upload = NULL;
    struct waiting older;

    waiting_start(&older, fixture, &id);
    assert_int_equal(completion_wait(&older.completion), 0);
    assert_int_equal(append_pattern(older.upload, 1000), 0);
    assert_int_equal(open_checked(fixture, &id, is_not_wanted, &upload), REFUSED_OFFSET_MISMATCH);
    assert_int_equal(open_checked(fixture, &unknown, never_comes, &upload), REFUSED_UNKNOWN_UPLOAD);
    assert_int_equal(older.ended, 0);
    assert_int_equal(append_pattern(older.upload, 1000), 0);
    upload_close(older.upload);
}

static int takes_long(void *argument, const struct upload_info *info)
{
    struct fixture *fixture = argument;

    (void)info;
    atomic_fetch_add(&test_clock_ms, 5000);
    store_tick(fixture->store);
    return 0;
}

static void *close_when_ended(void *argument)
{
    struct waiting *older = argument;

    while (atomic_load(&older->ended) == 0)
        (void)sched_yield();
    store_tick(older->fixture->store);
    upload_close(older->upload);
    return NULL;
}

static void patience_begins_when_the_older_writer_is_ended(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct upload *upload = NULL;
    struct waiting older;
    pthread_t closing;

    waiting_start(&older, fixture, &id);
    assert_int_equal(completion_wait(&older.completion), 0);
    assert_int_equal(pthread_create(&closing, NULL, close_when_ended, &older), 0);
    assert_int_equal(open_checked(fixture, &id, takes_long, &upload), 0);
    assert_int_equal(pthread_join(closing, NULL), 0);
    upload_close(upload);
}

static void a_newer_writer_ends_the_older_and_finds_its_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct waiting older, newer;

    waiting_start(&older, fixture, &id);
    assert_int_equal(completion_wait(&older.completion), 0);
    assert_int_equal(append_pattern(older.upload, 1000), 0);
    assert_false(upload_ended(older.upload));

    waiting_start(&newer, fixture, &id);
    assert_int_equal(older.ended, 1);
    assert_true(upload_ended(older.upload));
    assert_int_equal(append_pattern(older.upload, 1), REFUSED_ENDED);
    assert_int_equal(upload_commit_wait(older.upload), 0); /* what it had can still be told */
    assert_int_equal(upload_offset(older.upload), 1000);
    upload_close(older.upload);

    assert_int_equal(completion_wait(&newer.completion), 0);
    assert_int_equal(upload_offset(newer.upload), 1000);
    assert_int_equal(older.ended, 1);
    assert_int_equal(newer.ended, 0);
    upload_close(newer.upload);
}

static void the_newest_of_those_who_wait_wins(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct waiting first, second, third;

    waiting_start(&first, fixture, &id);
    assert_int_equal(completion_wait(&first.completion), 0);
    waiting_start(&second, fixture, &id);
    waiting_start(&third, fixture, &id);
    assert_int_equal(completion_wait(&second.completion), REFUSED_ENDED);
    assert_null(second.upload);

    upload_close(first.upload);
    assert_int_equal(completion_wait(&third.completion), 0);
    upload_close(third.upload);
    assert_int_equal(first.ended, 1);
    assert_int_equal(second.ended, 0);
}

static void waits_no_longer_than_its_patience(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct waiting stuck, patient;

    waiting_start(&stuck, fixture, &id);
    assert_int_equal(completion_wait(&stuck.completion), 0);
    waiting_start(&patient, fixture, &id);
    atomic_fetch_add(&test_clock_ms, 4999);
    store_tick(fixture->store);
    assert_false(patient.completion.complete);
    atomic_fetch_add(&test_clock_ms, 1);
    store_tick(fixture->store);
    assert_int_equal(completion_wait(&patient.completion), REFUSED_LOCKED);

    upload_close(stuck.upload);
    struct upload *upload = fixture_writer(fixture, &id);
    upload_close(upload);
}

static void looking_ends_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct waiting writer;

    waiting_start(&writer, fixture, &id);
    assert_int_equal(completion_wait(&writer.completion), 0);
    assert_int_equal(append_pattern(writer.upload, 1000), 0);
    (void)fixture_find(fixture, &id);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(writer.ended, 0);
    assert_int_equal(append_pattern(writer.upload, 1000), 0);
    upload_close(writer.upload);
}

static void a_deletion_ends_the_writer_and_refuses_who_comes_later(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct waiting writer, deleter, late;

    waiting_start(&writer, fixture, &id);
    assert_int_equal(completion_wait(&writer.completion), 0);
    assert_int_equal(append_pattern(writer.upload, 300000), 0);
    waiting_start(&deleter, fixture, &id);
    upload_close(writer.upload);
    assert_int_equal(completion_wait(&deleter.completion), 0);

    waiting_start(&late, fixture, &id);
    assert_int_equal(upload_delete_wait(deleter.upload), 0);
    upload_close(deleter.upload);
    assert_int_equal(completion_wait(&late.completion), REFUSED_GONE);
}

static void nobody_is_told_to_end_after_closing(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct waiting writers[50];

    /* the close and the next opening race, again and again */
    for (int i = 0; i < 50; i++) {
        waiting_start(&writers[i], fixture, &id);
        assert_int_equal(completion_wait(&writers[i].completion), 0);
        assert_int_equal(append_pattern(writers[i].upload, 3000), 0);
        upload_close(writers[i].upload);
    }
    for (int i = 0; i < 50; i++)
        assert_int_equal(writers[i].ended, 0);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_offset(upload), 150000);
    upload_close(upload);
    assert_pattern(fixture_path(fixture, &id), 150000);
}

/* ---- who waits for room when it is ended ---- */

static atomic_bool writes_held;

static ssize_t pwritev2_held(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    while (atomic_load(&writes_held))
        sched_yield();
    return os_linux.pwritev2(fd, pieces, count, offset, flags);
}

/* Closes at once, as storage/done.h allows. */
struct hasty {
    struct upload *upload;
    pthread_t ender;
    bool by_ender;
    int result;
    struct completion told;
};

static void hasty_ready(void *argument, int result)
{
    struct hasty *hasty = argument;

    hasty->result = result;
    hasty->by_ender = pthread_equal(pthread_self(), hasty->ender) != 0;
    if (!hasty->by_ender) /* who holds the lock of the leases, and would wait for itself */
        upload_close(hasty->upload);
    done_call(completion_done(&hasty->told), 0);
}

static void fill_buffer(struct upload *upload)
{
    static const uint8_t zeros[64 * 1024];
    size_t taken = 1;

    while (taken > 0)
        assert_int_equal(upload_append(upload, bytes_of(zeros, sizeof(zeros)), &taken), 0);
}

static void who_waits_for_room_may_close_when_it_is_ended(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);
    struct hasty hasty = { .ender = pthread_self() };
    struct waiting older, newer;

    atomic_store(&writes_held, true);
    os.pwritev2 = pwritev2_held;
    waiting_start(&older, fixture, &id);
    assert_int_equal(completion_wait(&older.completion), 0);
    hasty.upload = older.upload;
    completion_init(&hasty.told);
    fill_buffer(older.upload);
    upload_when_ready(older.upload, (struct done){ .call = hasty_ready, .argument = &hasty });

    waiting_start(&newer, fixture, &id);
    atomic_store(&writes_held, false);
    assert_int_equal(completion_wait(&hasty.told), 0);
    if (hasty.by_ender)
        upload_close(older.upload);
    assert_int_equal(completion_wait(&newer.completion), 0);
    assert_true(upload_offset(newer.upload) > 0);
    upload_close(newer.upload);
    assert_false(hasty.by_ender);
    assert_int_equal(hasty.result, REFUSED_ENDED);
}

/* ---- many at once ---- */

enum {
    CLIENTS = 8,
    UPLOADS = 3,
    ROUNDS = 60,
};

struct crowd {
    struct fixture *fixture;
    struct upload_id ids[UPLOADS];
    atomic_uint_fast64_t told[UPLOADS]; /* the highest offset that a client was told */
};

struct client {
    pthread_t thread;
    struct crowd *crowd;
    unsigned random;
};

static unsigned client_random(struct client *client)
{
    client->random = client->random * 1664525 + 1013904223;
    return client->random >> 16;
}

static void note_told(struct crowd *crowd, unsigned i, uint64_t offset)
{
    uint64_t told = atomic_load(&crowd->told[i]);
    while (told < offset && !atomic_compare_exchange_weak(&crowd->told[i], &told, offset))
        continue;
}

static int is_never_below(void *argument, const struct upload_info *info)
{
    const uint64_t *told = argument;
    assert_true(info->offset >= *told);
    return 0;
}

/* Opens whatever it likes, appends while it is let, and never sees an offset that went back. */
static void *client_run(void *argument)
{
    struct client *client = argument;
    struct crowd *crowd = client->crowd;

    for (int round = 0; round < ROUNDS; round++) {
        struct upload_writer writer = { .patience_ms = 60000 };
        struct upload *upload = NULL;
        unsigned i = client_random(client) % UPLOADS;
        uint64_t told = atomic_load(&crowd->told[i]);

        if (client_random(client) % 2 == 0)
            writer.check = is_never_below;
        writer.check_argument = &told;

        int r = upload_open_wait(crowd->fixture->store, &crowd->ids[i], &writer, &upload);
        if (r == REFUSED_ENDED)
            continue;
        assert_int_equal(r, 0);
        assert_true(upload_offset(upload) >= told);
        r = append_pattern(upload, 1 + client_random(client) % 40000);
        assert_true(r == 0 || r == REFUSED_ENDED);
        if (client_random(client) % 2 == 0)
            assert_int_equal(upload_commit_wait(upload), 0);
        note_told(crowd, i, upload_offset(upload));
        upload_close(upload);
    }
    return NULL;
}

static void a_crowd_of_writers_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = { .fixture = fixture };
    struct client clients[CLIENTS];

    fixture->options.manual = false;
    fixture->options.dirty_bytes = 256 * 1024;
    fixture->options.file_count = 2;
    fixture_reopen(fixture);
    for (int i = 0; i < UPLOADS; i++)
        crowd.ids[i] = fixture_create(fixture, UINT64_MAX);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ .crowd = &crowd, .random = i };
        assert_int_equal(pthread_create(&clients[i].thread, NULL, client_run, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);

    for (int i = 0; i < UPLOADS; i++) {
        struct upload *upload = fixture_writer(fixture, &crowd.ids[i]);
        uint64_t offset = upload_offset(upload);
        upload_close(upload);
        assert_true(offset >= crowd.told[i]);
        assert_pattern(fixture_path(fixture, &crowd.ids[i]), offset);
    }
    assert_int_equal(store_statistics(fixture->store).damaged_uploads, 0);
}

#define CLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_with_clock, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLOCK_TEST(a_newer_writer_ends_the_older_and_finds_its_bytes),
        CLOCK_TEST(the_newest_of_those_who_wait_wins),
        CLOCK_TEST(waits_no_longer_than_its_patience),
        CLOCK_TEST(looking_ends_nobody),
        CLOCK_TEST(who_is_not_wanted_ends_nobody),
        CLOCK_TEST(patience_begins_when_the_older_writer_is_ended),
        CLOCK_TEST(a_deletion_ends_the_writer_and_refuses_who_comes_later),
        CLOCK_TEST(nobody_is_told_to_end_after_closing),
        CLOCK_TEST(who_waits_for_room_may_close_when_it_is_ended),
        cmocka_unit_test_setup_teardown(a_crowd_of_writers_loses_nothing, fixture_set_up,
                                        fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
