/*
 * What an observer is told, and when
 */
#include "storage/observer.h"

#include <stdio.h>
#include <unistd.h>

#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

/* In the order in which they were told; read when what was asked for has been answered. */
static struct {
    struct observation observations[16];
    size_t count;
} seen;

static uint64_t now_ms;

static uint64_t test_now(void)
{
    return now_ms;
}

static void see(void *argument, const struct observation *observation)
{
    assert_ptr_equal(argument, &seen);
    assert_true(seen.count < 16);
    seen.observations[seen.count++] = *observation;
}

static int set_up(void **state)
{
    int r = fixture_set_up(state);
    struct fixture *fixture = *state;

    seen.count = 0;
    now_ms = 100000;
    os.monotonic_ms = test_now;
    fixture->options.observer = (struct observer){ .see = see, .argument = &seen };
    fixture_reopen(fixture);
    return r;
}

/* The next one that was told. */
static struct observation told(size_t number, enum observed what, const struct upload_id *id)
{
    assert_true(number < seen.count);
    struct observation observation = seen.observations[number];
    assert_int_equal(observation.what, what);
    assert_true(upload_id_equal(&observation.id, id));
    return observation;
}

static void tells_the_life_of_an_upload_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 100);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 40), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(append_pattern(upload, 60), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);

    assert_int_equal(seen.count, 4);
    struct observation first = told(0, OBSERVED_CREATION, &id);
    assert_true(first.length_known && first.length == 100 && first.offset == 0);
    assert_int_equal(first.state, UPLOAD_RECEIVING);
    struct observation grown = told(1, OBSERVED_PROGRESS, &id);
    assert_true(grown.length_known && grown.length == 100 && grown.offset == 40);
    struct observation whole = told(2, OBSERVED_STATE, &id);
    assert_int_equal(whole.state, UPLOAD_COMPLETE);
    assert_int_equal(whole.offset, 100);
    struct observation gone = told(3, OBSERVED_DELETION, &id);
    assert_int_equal(gone.state, UPLOAD_DELETED);
    assert_int_equal(gone.offset, 100);
}

static void tells_a_length_that_was_not_known(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    assert_false(told(0, OBSERVED_CREATION, &id).length_known);
    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(upload_set_length_wait(upload, 70), 0);
    struct observation stated = told(1, OBSERVED_PROGRESS, &id);
    assert_true(stated.length_known && stated.length == 70 && stated.offset == 0);
    assert_int_equal(upload_invalidate_wait(upload), 0);
    assert_int_equal(told(2, OBSERVED_STATE, &id).state, UPLOAD_INVALIDATED);
    upload_close(upload);
}

static void tells_of_bytes_that_do_not_count_yet_once_a_second(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 100);
    struct upload *upload = fixture_writer(fixture, &id);

    upload_stage(upload, DIGEST_NONE);
    assert_int_equal(append_pattern(upload, 10), 0);
    store_tick(fixture->store);
    assert_int_equal(told(1, OBSERVED_ARRIVAL, &id).offset, 0);
    assert_int_equal(append_pattern(upload, 10), 0);
    now_ms += 999;
    store_tick(fixture->store);
    assert_int_equal(seen.count, 2);
    now_ms++;
    store_tick(fixture->store);
    (void)told(2, OBSERVED_ARRIVAL, &id);
    now_ms += 5000; /* none came meanwhile */
    store_tick(fixture->store);
    assert_int_equal(upload_rollback_wait(upload), 0);
    now_ms += 5000;
    store_tick(fixture->store);
    assert_int_equal(seen.count, 3);
    upload_close(upload);
}

static void tells_of_the_end_of_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 100);

    assert_int_equal(upload_expire_wait(fixture->store, &id), 0);
    struct observation gone = told(1, OBSERVED_EXPIRY, &id);
    assert_true(gone.length_known && gone.length == 100 && gone.offset == 0);
    assert_int_equal(gone.state, UPLOAD_DELETED);
    assert_int_equal(upload_expire_wait(fixture->store, &id), REFUSED_GONE);
    assert_int_equal(seen.count, 2);
}

static void tells_of_damage_that_is_found_at_the_opening(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 100);
    struct upload *upload = fixture_writer(fixture, &id);

    assert_int_equal(append_pattern(upload, 40), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    fixture_reopen(fixture);
    assert_int_equal(truncate(fixture_path(fixture, &id), 10), 0);
    upload_close(fixture_writer(fixture, &id));
    struct observation damaged = told(2, OBSERVED_STATE, &id);
    assert_int_equal(damaged.state, UPLOAD_DAMAGED);
    assert_int_equal(damaged.offset, 40);
}

static void tells_of_a_creation_once_however_often_it_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct upload_creation creation = {
        .length_known = true,
        .length = 10,
        .repeat = { .key = bytes_of_text("0123456789abcdef") },
    };
    struct upload_id first, second;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &first), 0);
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), 0);
    assert_true(upload_id_equal(&first, &second));
    (void)told(0, OBSERVED_CREATION, &first);
    assert_int_equal(seen.count, 1);
}

static struct upload_id create_part(struct fixture *fixture)
{
    struct upload_creation creation = {
        .kind = UPLOAD_PARTIAL,
        .length_known = true,
        .length = 10,
    };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    return id;
}

static struct upload_id join(struct fixture *fixture, const struct upload_id *parts, size_t count)
{
    struct upload_concatenation concatenation = { .parts = parts,
                                                  .part_count = count,
                                                  .words = bytes_of_text("final;/a /b") };
    struct upload_id id;

    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &id), 0);
    return id;
}

static void fill(struct fixture *fixture, const struct upload_id *part)
{
    struct upload *upload = fixture_writer(fixture, part);

    assert_int_equal(append_pattern(upload, 10), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
}

static void tells_of_finals_what_their_parts_make_of_them(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[2] = { create_part(fixture), create_part(fixture) };
    struct upload_id early = join(fixture, parts, 2);

    assert_int_equal(told(2, OBSERVED_CREATION, &early).kind, UPLOAD_FINAL);
    fill(fixture, &parts[0]);
    assert_int_equal(seen.count, 4); /* of the part alone */
    fill(fixture, &parts[1]);
    struct observation whole = told(5, OBSERVED_STATE, &early);
    assert_int_equal(whole.state, UPLOAD_COMPLETE);
    assert_true(whole.length_known && whole.length == 20 && whole.offset == 20);

    struct upload_id late = join(fixture, parts, 1);
    (void)told(6, OBSERVED_CREATION, &late);
    assert_int_equal(told(7, OBSERVED_STATE, &late).state, UPLOAD_COMPLETE);
    assert_int_equal(seen.count, 8);
    struct upload_id again = join(fixture, parts, 1); /* it is there */
    assert_true(upload_id_equal(&again, &late));
    assert_int_equal(seen.count, 8);
}

static void tells_of_finals_that_have_lost_a_part(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[2] = { create_part(fixture), create_part(fixture) };
    struct upload_id final = join(fixture, parts, 2);

    fill(fixture, &parts[0]);
    struct upload *upload = fixture_writer(fixture, &parts[1]);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
    (void)told(4, OBSERVED_DELETION, &parts[1]);
    assert_int_equal(told(5, OBSERVED_STATE, &final).state, UPLOAD_INVALIDATED);
    assert_int_equal(seen.count, 6);
}

static void delete_upload(struct fixture *fixture, const struct upload_id *id)
{
    struct upload *upload = fixture_writer(fixture, id);

    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
}

static void tells_once_that_a_final_has_failed(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[3] = { create_part(fixture), create_part(fixture),
                                  create_part(fixture) };
    struct upload_id final = join(fixture, parts, 3);

    fill(fixture, &parts[0]);
    delete_upload(fixture, &parts[1]);
    assert_int_equal(told(6, OBSERVED_STATE, &final).state, UPLOAD_INVALIDATED);
    delete_upload(fixture, &parts[2]);
    delete_upload(fixture, &parts[0]);
    (void)told(7, OBSERVED_DELETION, &parts[2]);
    (void)told(8, OBSERVED_DELETION, &parts[0]);
    assert_int_equal(seen.count, 9);
}

static void tells_once_that_a_final_is_damaged(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[2] = { create_part(fixture), create_part(fixture) };

    fill(fixture, &parts[0]);
    fill(fixture, &parts[1]);
    struct upload_id final = join(fixture, parts, 2);
    size_t before = seen.count;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(unlink(fixture_path(fixture, &parts[i])), 0);
        upload_close(fixture_writer(fixture, &parts[i]));
    }
    assert_int_equal(told(before, OBSERVED_STATE, &parts[0]).state, UPLOAD_DAMAGED);
    struct observation damaged = told(before + 1, OBSERVED_STATE, &final);
    assert_int_equal(damaged.state, UPLOAD_DAMAGED);
    assert_true(damaged.length_known && damaged.length == 20 && damaged.offset == 20);
    assert_int_equal(told(before + 2, OBSERVED_STATE, &parts[1]).state, UPLOAD_DAMAGED);
    assert_int_equal(seen.count, before + 3);
}

/* Whether the length is stated or becomes known with the last byte. */
static void tells_of_finals_that_become_too_long(void **state)
{
    struct fixture *fixture = *state;

    for (int stated = 0; stated < 2; stated++) {
        struct upload_creation creation = { .kind = UPLOAD_PARTIAL };
        struct upload_id part, final;
        struct upload_concatenation concatenation = { .parts = &part,
                                                      .part_count = 1,
                                                      .max_length = 9 };
        seen.count = 0;
        assert_int_equal(upload_create_wait(fixture->store, &creation, &part), 0);
        assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &final), 0);
        if (stated) {
            struct upload *upload = fixture_writer(fixture, &part);
            assert_int_equal(upload_set_length_wait(upload, 10), 0);
            upload_close(upload);
        } else {
            fill(fixture, &part);
        }
        (void)told(2, stated ? OBSERVED_PROGRESS : OBSERVED_STATE, &part);
        assert_int_equal(told(3, OBSERVED_STATE, &final).state, UPLOAD_INVALIDATED);
        assert_int_equal(seen.count, 4);
    }
}

#define OBSERVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OBSERVER_TEST(tells_the_life_of_an_upload_in_its_order),
        OBSERVER_TEST(tells_a_length_that_was_not_known),
        OBSERVER_TEST(tells_of_bytes_that_do_not_count_yet_once_a_second),
        OBSERVER_TEST(tells_of_the_end_of_a_time),
        OBSERVER_TEST(tells_of_damage_that_is_found_at_the_opening),
        OBSERVER_TEST(tells_of_a_creation_once_however_often_it_is_asked_for),
        OBSERVER_TEST(tells_of_finals_what_their_parts_make_of_them),
        OBSERVER_TEST(tells_of_finals_that_have_lost_a_part),
        OBSERVER_TEST(tells_once_that_a_final_has_failed),
        OBSERVER_TEST(tells_once_that_a_final_is_damaged),
        OBSERVER_TEST(tells_of_finals_that_become_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
