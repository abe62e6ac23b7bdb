/*
 * Expiry and deletion, on a clock that the tests turn
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

enum {
    EXPIRE_AFTER_S = 800,
    TOMBSTONE_S = 2000, /* of the fixture */
};

static atomic_int_fast64_t test_realtime_s;
static atomic_uint_fast64_t test_clock_ms;

static int64_t realtime_s(void)
{
    return atomic_load(&test_realtime_s);
}

static uint64_t monotonic_ms(void)
{
    return atomic_load(&test_clock_ms);
}

static void sleep_s(int64_t seconds)
{
    atomic_fetch_add(&test_realtime_s, seconds);
    atomic_fetch_add(&test_clock_ms, (uint64_t)seconds * 1000);
}

static int set_up(void **state)
{
    atomic_store(&test_realtime_s, 1700000000);
    atomic_store(&test_clock_ms, 5000);
    os.realtime_s = realtime_s;
    os.monotonic_ms = monotonic_ms;
    (void)fixture_set_up(state);

    struct fixture *fixture = *state;
    fixture->options.expire_after_s = EXPIRE_AFTER_S;
    fixture_reopen(fixture);
    return 0;
}

static struct upload_id create_with_bytes(struct fixture *fixture, size_t count)
{
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, count), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    return id;
}

static int find(struct fixture *fixture, const struct upload_id *id)
{
    struct upload_info info = { 0 };

    int r = upload_find_wait(fixture->store, id, &info);
    upload_info_done(&info);
    return r;
}

static bool has_file(struct fixture *fixture, const struct upload_id *id)
{
    return access(fixture_path(fixture, id), F_OK) == 0;
}

static void removes_what_has_expired_and_nothing_earlier(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    assert_int_equal(fixture_find(fixture, &id).expires, 1700000000 + EXPIRE_AFTER_S);
    sleep_s(EXPIRE_AFTER_S - 1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), 0);
    sleep_s(1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
    assert_false(has_file(fixture, &id));
    assert_int_equal(store_statistics(fixture->store).expired_uploads, 1);
    assert_int_equal(store_statistics(fixture->store).deleted_files, 1);
}

static int64_t append_and_look(struct fixture *fixture, struct upload *upload)
{
    assert_int_equal(append_pattern(upload, 1), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    return fixture_find(fixture, &upload_info(upload)->id).expires;
}

static void bytes_put_expiry_off_but_not_at_every_commit(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 1);

    struct upload *upload = fixture_writer(fixture, &id);
    sleep_s(1);
    int64_t expires = append_and_look(fixture, upload);
    sleep_s(EXPIRE_AFTER_S / 8); /* an eighth is not worth a write of the index */
    int64_t later = append_and_look(fixture, upload);
    int64_t least = realtime_s() + EXPIRE_AFTER_S;
    sleep_s(1);
    int64_t latest = append_and_look(fixture, upload);
    upload_close(upload);

    assert_int_equal(expires, 1700000001 + EXPIRE_AFTER_S + EXPIRE_AFTER_S / 8);
    assert_int_equal(later, expires);
    assert_int_equal(later, least); /* never before the last byte is that old */
    assert_int_equal(latest, expires + EXPIRE_AFTER_S / 8 + 1);
}

static void nothing_expires_under_its_writer(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    struct upload *upload = fixture_writer(fixture, &id);
    sleep_s(EXPIRE_AFTER_S + 1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), 0);
    assert_int_equal(append_pattern(upload, 100), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), 0); /* its last byte is fresh */
}

static void complete_uploads_stay(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(fixture_find(fixture, &id).expires, 0);
    sleep_s(1000 * EXPIRE_AFTER_S);
    assert_int_equal(store_sweep(fixture->store), 0);
    atomic_fetch_add(&test_clock_ms, 3600 * 1000);
    atomic_fetch_add(&test_realtime_s, 3600);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), 0);
    assert_true(has_file(fixture, &id));
}

static struct upload_id create_partial(struct fixture *fixture, size_t count)
{
    struct upload_creation creation = { .kind = UPLOAD_PARTIAL };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, count), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    assert_int_equal(upload_info(upload)->expires, realtime_s() + EXPIRE_AFTER_S);
    upload_close(upload);
    return id;
}

static void use_part(struct fixture *fixture, const struct upload_id *id)
{
    struct upload_concatenation concatenation = { .parts = id, .part_count = 1 };
    struct upload_id final;

    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &final), 0);
}

static void parts_expire_unless_a_final_upload_is_made_of_them(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id used = create_partial(fixture, 5000);
    struct upload_id left_over = create_partial(fixture, 5000);

    use_part(fixture, &used);
    sleep_s(EXPIRE_AFTER_S - 1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &left_over), 0);
    sleep_s(1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &left_over), REFUSED_GONE);
    assert_int_equal(find(fixture, &used), 0);
    assert_true(has_file(fixture, &used));
}

static void a_damaged_upload_is_kept_until_it_expires(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    assert_int_equal(truncate(fixture_path(fixture, &id), 4000), 0);
    upload_close(fixture_writer(fixture, &id));
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_DAMAGED);
    sleep_s(EXPIRE_AFTER_S - 1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_true(has_file(fixture, &id));
    sleep_s(1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
    assert_false(has_file(fixture, &id));
}

static struct upload_id create_stated_wrong(struct fixture *fixture, uint64_t length)
{
    const struct upload_creation creation = {
        .length_known = true,
        .length = length,
        .digest_algorithm = DIGEST_SHA256,
        .stated = { .algorithm = DIGEST_SHA256, .bytes = { 1 } },
    };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    return id;
}

static void bytes_that_end_in_a_wrong_digest_put_expiry_off_too(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_stated_wrong(fixture, 100);

    sleep_s(EXPIRE_AFTER_S - 1);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 100), 0);
    assert_int_equal(upload_commit_wait(upload), REFUSED_DIGEST_MISMATCH);
    assert_int_equal(upload_info(upload)->expires, realtime_s() + EXPIRE_AFTER_S);
    upload_close(upload);

    sleep_s(EXPIRE_AFTER_S - 1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(fixture_find(fixture, &id).state, UPLOAD_DAMAGED);
    sleep_s(1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
}

static void the_end_brings_no_expiry_forward(void **state)
{
    struct fixture *fixture = *state;
    const struct upload_creation creation = { .kind = UPLOAD_PARTIAL };
    struct upload_id wrong = create_stated_wrong(fixture, 2), part;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &part), 0);
    sleep_s(1);
    struct upload *uploads[] = { fixture_writer(fixture, &wrong), fixture_writer(fixture, &part) };
    for (size_t i = 0; i < 2; i++) {
        int64_t told = append_and_look(fixture, uploads[i]);
        assert_int_equal(told, realtime_s() + EXPIRE_AFTER_S + EXPIRE_AFTER_S / 8);
        assert_int_equal(append_pattern(uploads[i], 1), 0);
        (void)upload_finish_wait(uploads[i]);
        assert_int_equal(upload_info(uploads[i])->expires, told);
        upload_close(uploads[i]);
    }
}

static void a_clock_that_jumped_is_not_believed_for_an_hour(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    atomic_fetch_add(&test_realtime_s, 50 * 365 * 86400LL);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), 0);
    sleep_s(3599);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), 0);
    sleep_s(1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
}

static void a_clock_that_is_wrong_at_the_start_has_an_hour_to_be_set(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.expire_after_s = 7 * 86400;
    fixture_reopen(fixture);
    struct upload_id id = create_with_bytes(fixture, 5000);
    fixture_close(fixture);
    atomic_fetch_add(&test_realtime_s, 60 * 365 * 86400LL);
    atomic_store(&test_clock_ms, 100); /* the machine was started anew */
    fixture_open(fixture);
    assert_int_equal(store_sweep(fixture->store), 0);
    sleep_s(3599);
    assert_int_equal(store_sweep(fixture->store), 0);
    atomic_fetch_add(&test_realtime_s, -60 * 365 * 86400LL);
    assert_int_equal(store_sweep(fixture->store), 0);
    sleep_s(3600);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), 0);
    sleep_s(8 * 86400);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
}

static void never_is_never_for_older_uploads_too(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    fixture->options.expire_after_s = 0;
    fixture_reopen(fixture);
    sleep_s(100 * EXPIRE_AFTER_S);
    assert_int_equal(store_sweep(fixture->store), 0);
    sleep_s(3600);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), 0);
}

static void deleted_uploads_go_whatever_the_clock_says(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
    assert_true(has_file(fixture, &id));
    atomic_fetch_add(&test_realtime_s, -86400);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
    assert_false(has_file(fixture, &id));
}

static void a_deletion_is_completed_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(unlink(fixture_path(fixture, &id)), 0); /* as if it had got that far */
    fixture_reopen(fixture);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
}

static void delete_now(struct fixture *fixture, const struct upload_id *id)
{
    struct upload *upload = fixture_writer(fixture, id);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
}

static void what_is_gone_is_remembered_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    delete_now(fixture, &id);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
    sleep_s(TOMBSTONE_S - 1);
    fixture_reopen(fixture);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
    sleep_s(1 + EXPIRE_AFTER_S); /* the clock of a new start is believed after that */
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_UNKNOWN_UPLOAD);
}

static void what_is_gone_is_forgotten_at_once_where_that_is_wanted(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id remembered = create_with_bytes(fixture, 5000);
    struct upload_id id = create_with_bytes(fixture, 5000);

    delete_now(fixture, &remembered);
    assert_int_equal(store_sweep(fixture->store), 0);
    fixture->options.tombstone_s = 0;
    fixture_reopen(fixture);
    assert_int_equal(find(fixture, &remembered), REFUSED_UNKNOWN_UPLOAD);
    delete_now(fixture, &id);
    assert_int_equal(find(fixture, &id), REFUSED_UNKNOWN_UPLOAD); /* though its row is there yet */
    assert_true(has_file(fixture, &id));
    assert_int_equal(store_sweep(fixture->store), 0);
    fixture->options.tombstone_s = TOMBSTONE_S;
    fixture_reopen(fixture);
    assert_int_equal(find(fixture, &id), REFUSED_UNKNOWN_UPLOAD);
}

static void a_clock_that_jumped_makes_nobody_forget(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = create_with_bytes(fixture, 5000);

    delete_now(fixture, &id);
    assert_int_equal(store_sweep(fixture->store), 0);
    atomic_fetch_add(&test_realtime_s, 50 * 365 * 86400LL);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_GONE);
    atomic_fetch_add(&test_realtime_s, -50 * 365 * 86400LL);
    assert_int_equal(store_sweep(fixture->store), 0);
    sleep_s(3600);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &id), REFUSED_UNKNOWN_UPLOAD);
}

static void a_missing_shard_keeps_nothing_else_and_is_made_at_the_next_start(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id there = create_with_bytes(fixture, 10);
    struct upload_id missing = fixture_create(fixture, 10);
    char shard[80];

    while (missing.bytes[0] == there.bytes[0])
        missing = fixture_create(fixture, 10);
    (void)snprintf(shard, sizeof(shard), "%s/files/%02x", fixture->directory, missing.bytes[0]);
    assert_int_equal(rmdir(shard), 0);
    delete_now(fixture, &missing);
    delete_now(fixture, &there);
    assert_int_equal(store_sweep(fixture->store), -ENOENT);
    assert_int_equal(find(fixture, &there), REFUSED_GONE);
    assert_int_equal(find(fixture, &missing), REFUSED_GONE);

    fixture_reopen(fixture);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &missing), REFUSED_GONE);
}

static atomic_uint synced_directories;

static int counting_fsync(int fd)
{
    atomic_fetch_add(&synced_directories, 1);
    return os_linux.fsync(fd);
}

enum {
    MANY = 2300,
    BATCHES = 18, /* of 128 at most */
};

static struct upload_id sweep_many(struct fixture *fixture)
{
    struct upload_id last;

    fixture_close(fixture);
    os.fsync = counting_fsync;
    fixture_open(fixture);
    for (int i = 0; i < MANY; i++)
        last = fixture_create(fixture, 10);
    sleep_s(EXPIRE_AFTER_S);
    atomic_store(&synced_directories, 0);
    uint64_t groups = store_statistics(fixture->store).committed_groups;
    assert_int_equal(store_sweep(fixture->store), 0);
    groups = store_statistics(fixture->store).committed_groups - groups;
    assert_int_equal(store_statistics(fixture->store).expired_uploads, MANY);

    /* small enough that nobody waits for long, and many enough for one sync of a directory */
    assert_int_equal(groups, 2 * BATCHES + 1); /* the last one finds nothing to forget */
    assert_true(atomic_load(&synced_directories) <= 256 + BATCHES);
    return last;
}

static void many_go_in_small_transactions_and_with_few_syncs(void **state)
{
    struct fixture *fixture = *state;
    struct upload_info infos[1];
    struct upload_page page = { .infos = infos, .room = 1 };

    struct upload_id last = sweep_many(fixture);
    assert_int_equal(upload_list_wait(fixture->store, &page), 0);
    assert_int_equal(page.count, 0);
    assert_int_equal(find(fixture, &last), REFUSED_GONE);
}

static void many_are_forgotten_in_small_transactions(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id last = sweep_many(fixture);

    sleep_s(TOMBSTONE_S - 1);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(find(fixture, &last), REFUSED_GONE);
    sleep_s(1);
    uint64_t groups = store_statistics(fixture->store).committed_groups;
    assert_int_equal(store_sweep(fixture->store), 0);
    groups = store_statistics(fixture->store).committed_groups - groups;
    assert_int_equal(groups, BATCHES + 1); /* the last one finds nothing */
    assert_int_equal(find(fixture, &last), REFUSED_UNKNOWN_UPLOAD);
}

#define JANITOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JANITOR_TEST(removes_what_has_expired_and_nothing_earlier),
        JANITOR_TEST(bytes_put_expiry_off_but_not_at_every_commit),
        JANITOR_TEST(nothing_expires_under_its_writer),
        JANITOR_TEST(complete_uploads_stay),
        JANITOR_TEST(parts_expire_unless_a_final_upload_is_made_of_them),
        JANITOR_TEST(a_damaged_upload_is_kept_until_it_expires),
        JANITOR_TEST(bytes_that_end_in_a_wrong_digest_put_expiry_off_too),
        JANITOR_TEST(the_end_brings_no_expiry_forward),
        JANITOR_TEST(a_clock_that_jumped_is_not_believed_for_an_hour),
        JANITOR_TEST(a_clock_that_is_wrong_at_the_start_has_an_hour_to_be_set),
        JANITOR_TEST(never_is_never_for_older_uploads_too),
        JANITOR_TEST(deleted_uploads_go_whatever_the_clock_says),
        JANITOR_TEST(a_deletion_is_completed_after_a_restart),
        JANITOR_TEST(what_is_gone_is_remembered_for_a_while),
        JANITOR_TEST(what_is_gone_is_forgotten_at_once_where_that_is_wanted),
        JANITOR_TEST(a_clock_that_jumped_makes_nobody_forget),
        JANITOR_TEST(a_missing_shard_keeps_nothing_else_and_is_made_at_the_next_start),
        JANITOR_TEST(many_go_in_small_transactions_and_with_few_syncs),
        JANITOR_TEST(many_are_forgotten_in_small_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
