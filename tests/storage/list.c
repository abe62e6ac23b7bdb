#include "storage/list.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"

enum {
    BEGUN_S = 1700000000
};

static atomic_int_fast64_t now_s;

static int64_t realtime_s(void)
{
    return atomic_load(&now_s);
}

static int set_up(void **state)
{
    atomic_store(&now_s, BEGUN_S);
    os.realtime_s = realtime_s;
    return fixture_set_up(state);
}

static struct upload_id create_at(struct fixture *fixture, int64_t second, uint64_t length)
{
    atomic_store(&now_s, BEGUN_S + second);
    return fixture_create(fixture, length);
}

static void complete(struct fixture *fixture, const struct upload_id *id, size_t length)
{
    struct upload *upload = fixture_writer(fixture, id);

    assert_int_equal(append_pattern(upload, length), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
}

static void invalidate(struct fixture *fixture, const struct upload_id *id)
{
    struct upload *upload = fixture_writer(fixture, id);

    assert_int_equal(upload_invalidate_wait(upload), 0);
    upload_close(upload);
}

static void delete (struct fixture *fixture, const struct upload_id *id)
{
    struct upload *upload = fixture_writer(fixture, id);

    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
}

/* The lengths of what is listed, which name the uploads here, page by page: "5,4|3|". */
static const char *listed(struct fixture *fixture, struct upload_page page)
{
    static char text[512];
    struct upload_info infos[2];

    page.infos = infos;
    page.room = page.room == 0 ? 2 : page.room;
    text[0] = '\0';
    do {
        assert_int_equal(upload_list_wait(fixture->store, &page), 0);
        for (size_t i = 0; i < page.count; i++)
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d",
                           i > 0 ? "," : "", (int)infos[i].length);
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "|");
        upload_page_done(&page);
    } while (page.more);
    return text;
}

static const char *listed_by(struct fixture *fixture, enum upload_wanted wanted)
{
    return listed(fixture, (struct upload_page){ .wanted = wanted });
}

static void lists_nothing_of_an_empty_store(void **state)
{
    for (int wanted = UPLOADS_ALL; wanted <= UPLOADS_DAMAGED; wanted++)
        assert_string_equal(listed_by(*state, (enum upload_wanted)wanted), "|");
}

static void lists_each_state_newest_first(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id ids[8];

    for (int i = 1; i < 8; i++)
        ids[i] = create_at(fixture, i, (uint64_t)i);
    complete(fixture, &ids[2], 2);
    complete(fixture, &ids[5], 5);
    invalidate(fixture, &ids[3]);
    delete (fixture, &ids[6]);

    assert_string_equal(listed_by(fixture, UPLOADS_ALL), "7,5|4,3|2,1|");
    assert_string_equal(listed_by(fixture, UPLOADS_COMPLETE), "5,2|");
    assert_string_equal(listed_by(fixture, UPLOADS_INVALIDATED), "3|");
    assert_string_equal(listed_by(fixture, UPLOADS_STALLED), "7,4|1|");
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_string_equal(listed_by(fixture, UPLOADS_ALL), "7,5|4,3|2,1|");
    fixture_reopen(fixture);
    assert_string_equal(listed_by(fixture, UPLOADS_ALL), "7,5|4,3|2,1|");
}

static void who_writes_is_active_and_not_stalled(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id ids[6];
    struct upload *writers[6];

    for (int i = 1; i < 6; i++)
        ids[i] = create_at(fixture, i, (uint64_t)i);
    for (int i = 2; i < 5; i++)
        writers[i] = fixture_writer(fixture, &ids[i]);
    assert_string_equal(listed_by(fixture, UPLOADS_ACTIVE), "4,3|2|");
    assert_string_equal(listed_by(fixture, UPLOADS_STALLED), "5,1|");
    assert_string_equal(listed(fixture, (struct upload_page){ .wanted = UPLOADS_ACTIVE,
                                                              .created_until = BEGUN_S + 3,
                                                              .created_from = BEGUN_S + 3 }),
                        "3|");

    assert_int_equal(append_pattern(writers[4], 4), 0);
    assert_int_equal(upload_finish_wait(writers[4]), 0); /* complete, and its writer still there */
    assert_string_equal(listed_by(fixture, UPLOADS_ACTIVE), "3,2|");
    for (int i = 2; i < 5; i++)
        upload_close(writers[i]);
    assert_string_equal(listed_by(fixture, UPLOADS_ACTIVE), "|");
}

/* The clock is set back in between: their order is that of their time, not of their numbers. */
static void age_is_counted_from_the_creation(void **state)
{
    struct fixture *fixture = *state;

    (void)create_at(fixture, 10, 1);
    (void)create_at(fixture, 30, 3);
    (void)create_at(fixture, 20, 2);
    (void)create_at(fixture, 40, 4);
    assert_string_equal(listed_by(fixture, UPLOADS_ALL), "4,3|2,1|");
    assert_string_equal(listed(fixture, (struct upload_page){ .created_until = BEGUN_S + 30 }),
                        "3,2|1|");
    assert_string_equal(listed(fixture, (struct upload_page){ .created_from = BEGUN_S + 20 }),
                        "4,3|2|");
    assert_string_equal(listed(fixture, (struct upload_page){ .created_from = BEGUN_S + 11,
                                                              .created_until = BEGUN_S + 39 }),
                        "3,2|");
    assert_string_equal(listed(fixture, (struct upload_page){ .created_from = BEGUN_S + 41 }), "|");
}

static void pages_stay_while_uploads_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct upload_info infos[3];
    struct upload_page page = { .infos = infos, .room = 3 };
    struct upload_id ids[10];

    for (int i = 1; i < 10; i++)
        ids[i] = create_at(fixture, 7, (uint64_t)i); /* all in the same second */
    assert_int_equal(upload_list_wait(fixture->store, &page), 0);
    assert_int_equal(page.count, 3);
    assert_int_equal(infos[2].length, 7);
    upload_page_done(&page);

    delete (fixture, &ids[7]); /* the one at which the page ended */
    delete (fixture, &ids[5]);
    complete(fixture, &ids[4], 4);
    (void)create_at(fixture, 7, 10);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(upload_list_wait(fixture->store, &page), 0);
    assert_int_equal(page.count, 3);
    assert_int_equal(infos[0].length, 6);
    assert_int_equal(infos[1].length, 4);
    assert_int_equal(infos[2].length, 3);
    assert_true(page.more);
    upload_page_done(&page);
}

static bool length_is_one(void *argument, const struct upload_info *info)
{
    ++*(size_t *)argument;
    assert_int_equal(info->metadata_count, strlen("filename bWUudHh0"));
    return info->length == 1;
}

static void a_rare_one_is_found_in_bounded_steps(void **state)
{
    struct fixture *fixture = *state;
    size_t asked = 0, pages = 1;
    struct upload_info infos[2];
    struct upload_page page = {
        .infos = infos, .room = 2, .match = length_is_one, .match_argument = &asked
    };

    (void)fixture_create(fixture, 1);
    for (int i = 0; i < 2 * LIST_ROWS; i++)
        (void)fixture_create(fixture, 2);
    for (;; pages++) {
        asked = 0;
        assert_int_equal(upload_list_wait(fixture->store, &page), 0);
        assert_true(asked <= LIST_ROWS);
        if (!page.more)
            break;
        assert_int_equal(page.count, 0);
    }
    assert_int_equal(pages, 3);
    assert_int_equal(page.count, 1);
    assert_int_equal(infos[0].length, 1);
    upload_page_done(&page);
}

static void expect_tally(struct fixture *fixture, uint64_t receiving, uint64_t completed,
                         uint64_t invalidated, uint64_t deleted)
{
    struct store_figures figures;

    assert_int_equal(store_figures_wait(fixture->store, &figures), 0);
    assert_int_equal(figures.uploads[UPLOAD_RECEIVING], receiving);
    assert_int_equal(figures.uploads[UPLOAD_COMPLETE], completed);
    assert_int_equal(figures.uploads[UPLOAD_INVALIDATED], invalidated);
    assert_int_equal(figures.uploads[UPLOAD_DAMAGED], 0);
    assert_int_equal(figures.uploads[UPLOAD_DELETED], deleted);
    assert_true(figures.total_bytes >= figures.free_bytes);
    assert_true(figures.database_bytes > 0);
    assert_true(figures.log_bytes > 0);
}

static void counts_by_state(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id ids[5];

    expect_tally(fixture, 0, 0, 0, 0);
    for (int i = 0; i < 5; i++)
        ids[i] = fixture_create(fixture, 10);
    expect_tally(fixture, 5, 0, 0, 0);
    complete(fixture, &ids[0], 10);
    complete(fixture, &ids[1], 10);
    invalidate(fixture, &ids[2]);
    expect_tally(fixture, 2, 2, 1, 0);
    delete (fixture, &ids[0]);
    delete (fixture, &ids[2]);
    expect_tally(fixture, 2, 1, 0, 2);
    assert_int_equal(store_sweep(fixture->store), 0);
    fixture_reopen(fixture);
    expect_tally(fixture, 2, 1, 0, 0);
    assert_int_equal(store_statistics(fixture->store).acknowledged_bytes, 0);
}

static void bytes_are_counted_when_they_are_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id id = fixture_create(fixture, 1000);
    struct upload *upload = fixture_writer(fixture, &id);

    assert_int_equal(append_pattern(upload, 300), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    assert_int_equal(store_statistics(fixture->store).acknowledged_bytes, 300);
    assert_int_equal(append_pattern(upload, 700), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    assert_int_equal(store_statistics(fixture->store).acknowledged_bytes, 1000);
    upload_close(upload);
}

static void expires_an_unfinished_one_at_any_time(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id unknown = { { 0 } };
    struct upload_id going = fixture_create(fixture, 10);
    struct upload_id whole = fixture_create(fixture, 10);
    struct upload_id broken = fixture_create(fixture, 10);
    struct upload_info info;

    fixture->options.tombstone_s = 100;
    fixture_reopen(fixture);
    complete(fixture, &whole, 10);
    invalidate(fixture, &broken);
    assert_int_equal(upload_expire_wait(fixture->store, &unknown), REFUSED_UNKNOWN_UPLOAD);
    assert_int_equal(upload_expire_wait(fixture->store, &whole), REFUSED_LASTING);
    assert_int_equal(fixture_find(fixture, &whole).state, UPLOAD_COMPLETE);
    assert_int_equal(upload_expire_wait(fixture->store, &broken), 0);

    struct upload *writer = fixture_writer(fixture, &going);
    assert_int_equal(upload_expire_wait(fixture->store, &going), REFUSED_LOCKED);
    assert_int_equal(append_pattern(writer, 5), 0); /* he was not disturbed */
    assert_int_equal(upload_commit_wait(writer), 0);
    upload_close(writer);
    assert_int_equal(upload_expire_wait(fixture->store, &going), 0);
    assert_int_equal(upload_expire_wait(fixture->store, &going), REFUSED_GONE);
    assert_int_equal(upload_find_wait(fixture->store, &going, &info), REFUSED_GONE);
    assert_int_equal(store_statistics(fixture->store).expired_uploads, 2);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_int_equal(upload_find_wait(fixture->store, &going, &info), REFUSED_GONE);
}

static int no_sync(int fd)
{
    (void)fd;
    errno = EROFS;
    return -1;
}

static void a_probe_tells_whether_the_disk_takes_bytes(void **state)
{
    struct fixture *fixture = *state;
    uint64_t changes = store_statistics(fixture->store).committed_changes;

    assert_int_equal(store_probe_wait(fixture->store), 0);
    assert_int_equal(store_statistics(fixture->store).committed_changes, changes + 1);
    os.fdatasync = no_sync;
    assert_int_equal(store_probe_wait(fixture->store), -EROFS);
    os.fdatasync = os_linux.fdatasync;
    assert_int_equal(store_probe_wait(fixture->store), 0);
}

#define LIST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIST_TEST(lists_nothing_of_an_empty_store),
        LIST_TEST(lists_each_state_newest_first),
        LIST_TEST(who_writes_is_active_and_not_stalled),
        LIST_TEST(age_is_counted_from_the_creation),
        LIST_TEST(pages_stay_while_uploads_come_and_go),
        LIST_TEST(a_rare_one_is_found_in_bounded_steps),
        LIST_TEST(counts_by_state),
        LIST_TEST(bytes_are_counted_when_they_are_acknowledged),
        LIST_TEST(expires_an_unfinished_one_at_any_time),
        LIST_TEST(a_probe_tells_whether_the_disk_takes_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
