/*
 * Final uploads: made of parts, completed by them, read, proven, made one file, and gone without a trace
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/refusal.h"
#include "digest/digest.h"
#include "storage/os.h"
#include "storage/verify.h"
#include "tests/storage/fixture.h"

enum {
    PARTS_MANY = 1000,
};

/* ---- parts ---- */

static struct upload_id create_part(struct fixture *fixture, uint64_t length)
{
    struct upload_creation creation = {
        .kind = UPLOAD_PARTIAL,
        .length_known = length != UINT64_MAX,
        .length = length == UINT64_MAX ? 0 : length,
        .digest_algorithm = DIGEST_BLAKE2B,
    };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    return id;
}

/* Bytes that stand at this offset of the whole. */
static int append_from(struct upload *upload, uint64_t offset, size_t count)
{
    uint8_t *bytes = malloc(count);

    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++)
        bytes[i] = pattern(offset + i);
    int r = upload_append_wait(upload, bytes_of(bytes, count));
    free(bytes);
    return r;
}

/* All its bytes, and the last of them completes it. */
static void fill_part(struct fixture *fixture, const struct upload_id *id, uint64_t offset,
                      size_t count)
{
    struct upload *upload = fixture_writer(fixture, id);

    if (count > 0)
        assert_int_equal(append_from(upload, offset, count), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
}

static struct upload_id make_part(struct fixture *fixture, uint64_t offset, size_t count)
{
    struct upload_id id = create_part(fixture, count);

    fill_part(fixture, &id, offset, count);
    return id;
}

static void delete_upload(struct fixture *fixture, const struct upload_id *id)
{
    struct upload *upload = fixture_writer(fixture, id);

    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
}

/* ---- finals ---- */

static int join(struct fixture *fixture, const struct upload_id *parts, size_t count,
                struct upload_id *ret_id)
{
    struct upload_concatenation concatenation = {
        .protocol = 1, .parts = parts, .part_count = count, .words = bytes_of_text("final;/a /b")
    };
    return upload_concatenate_wait(fixture->store, &concatenation, ret_id);
}

static struct upload_id joined(struct fixture *fixture, const struct upload_id *parts, size_t count)
{
    struct upload_id id;

    assert_int_equal(join(fixture, parts, count, &id), 0);
    return id;
}

static enum upload_state state_of(struct fixture *fixture, const struct upload_id *id)
{
    return fixture_find(fixture, id).state;
}

static int find_result(struct fixture *fixture, const struct upload_id *id)
{
    struct upload_info info = { 0 };
    int r = upload_find_wait(fixture->store, id, &info);

    upload_info_done(&info);
    return r;
}

static struct content *open_content(struct fixture *fixture, const struct upload_id *id)
{
    struct content *content = NULL;

    assert_int_equal(upload_read_wait(fixture->store, id, &content), 0);
    return content;
}

/* The pattern from its beginning, read in pieces that do not fit the parts. */
static void assert_content(struct content *content, uint64_t length)
{
    static uint8_t bytes[70001];

    assert_int_equal(content_length(content), length);
    for (uint64_t offset = 0; offset < length;) {
        ssize_t count = content_read(content, bytes, sizeof(bytes), offset, false);
        assert_true(count > 0);
        for (ssize_t i = 0; i < count; i++)
            assert_int_equal(bytes[i], pattern(offset + (uint64_t)i));
        offset += (uint64_t)count;
    }
    assert_int_equal(content_read(content, bytes, 1, length, false), 0);
}

static void assert_reads(struct fixture *fixture, const struct upload_id *id, uint64_t length)
{
    struct content *content = open_content(fixture, id);

    assert_content(content, length);
    content_close(content);
}

/* ---- tables ---- */

static int64_t ask(struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    char path[100];

    (void)snprintf(path, sizeof(path), "%s/ferry.db", fixture->directory);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return value;
}

/* While the store is closed. */
static void tell(struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    char path[100];

    assert_null(fixture->store);
    (void)snprintf(path, sizeof(path), "%s/ferry.db", fixture->directory);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static int64_t realtime_ahead_s;
static uint64_t monotonic_ahead_ms;

static int64_t realtime_s(void)
{
    return os_linux.realtime_s() + realtime_ahead_s;
}

static uint64_t monotonic_ms(void)
{
    return os_linux.monotonic_ms() + monotonic_ahead_ms;
}

static void let_pass(int64_t seconds)
{
    realtime_ahead_s += seconds;
    monotonic_ahead_ms += (uint64_t)seconds * 1000;
}

static void sweep(struct fixture *fixture)
{
    assert_int_equal(store_sweep(fixture->store), 0);
}

static bool has_file(struct fixture *fixture, const struct upload_id *id)
{
    return access(fixture_path(fixture, id), F_OK) == 0;
}

/* No row of any kind. */
static void assert_nothing_left(struct fixture *fixture)
{
    assert_int_equal(ask(fixture,
                         "SELECT (SELECT count(*) FROM upload) +"
                         "       (SELECT count(*) FROM progress) +"
                         "       (SELECT count(*) FROM part) +"
                         "       (SELECT count(*) FROM final)"),
                     0);
}

/* ---- a final of complete parts ---- */

static void joins_parts_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct upload_part_info *infos = NULL;
    size_t count = 0;
    struct upload_id parts[] = {
        make_part(fixture, 0, 100000),
        make_part(fixture, 0, 0),
        make_part(fixture, 100000, 1),
        make_part(fixture, 100001, 300000),
    };

    struct upload_id id = joined(fixture, parts, 4);
    struct upload_info info = { 0 };
    assert_int_equal(upload_find_wait(fixture->store, &id, &info), 0);
    assert_int_equal(info.kind, UPLOAD_FINAL);
    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_int_equal(info.length, 400001);
    assert_int_equal(info.offset, 400001);
    assert_false(info.filed);
    assert_int_equal(info.digest.algorithm, DIGEST_NONE);
    assert_memory_equal(info.words, "final;/a /b", info.words_count);
    upload_info_done(&info);
    assert_reads(fixture, &id, 400001);

    assert_int_equal(upload_parts_wait(fixture->store, &id, &infos, &count), 0);
    assert_int_equal(count, 4);
    assert_true(upload_id_equal(&infos[3].id, &parts[3]));
    assert_int_equal(infos[3].begin, 100001);
    assert_true(infos[3].begin_known);
    assert_int_equal(infos[3].state, UPLOAD_COMPLETE);
    free(infos);

    fixture_reopen(fixture);
    assert_reads(fixture, &id, 400001);
}

static void a_part_may_stand_in_it_twice_and_in_others(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, 1000);
    struct upload_id twice[] = { part, part };
    uint8_t bytes[10];

    struct upload_id two = joined(fixture, twice, 2);
    struct upload_id one = joined(fixture, &part, 1);
    assert_false(upload_id_equal(&one, &two));
    assert_reads(fixture, &one, 1000);

    struct content *content = open_content(fixture, &two);
    assert_int_equal(content_length(content), 2000);
    assert_int_equal(content_read(content, bytes, 10, 1005, true), -EAGAIN); /* not open yet */
    assert_int_equal(content_read(content, bytes, 10, 995, false), 5);
    assert_int_equal(content_read(content, bytes, 10, 1005, false), 10);
    assert_int_equal(bytes[0], pattern(5));
    content_close(content);
}

static void refuses_what_is_no_part(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id good = make_part(fixture, 0, 10);
    struct upload_id single = fixture_create(fixture, 10);
    struct upload_id deleted = make_part(fixture, 0, 10);
    struct upload_id final = joined(fixture, &good, 1);
    struct upload_id id = { { 7 } };
    delete_upload(fixture, &deleted);

    struct upload_id unknown_parts[] = { good, { { 1, 2, 3 } } };
    struct upload_id single_parts[] = { good, single };
    struct upload_id deleted_parts[] = { good, deleted };
    struct upload_id final_parts[] = { good, final };
    assert_int_equal(join(fixture, unknown_parts, 2, &id), REFUSED_UNKNOWN_PART);
    assert_int_equal(join(fixture, single_parts, 2, &id), REFUSED_NOT_PARTIAL);
    assert_int_equal(join(fixture, deleted_parts, 2, &id), REFUSED_PART_LOST);
    assert_int_equal(join(fixture, final_parts, 2, &id), REFUSED_NOT_PARTIAL);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM final"), 1);

    struct upload_id twice[] = { good, good };
    struct upload_concatenation concatenation = { .parts = twice,
                                                  .part_count = 2,
                                                  .max_length = 19 };
    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &id),
                     REFUSED_TOO_LONG);
    concatenation.max_length = 20;
    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &id), 0);
    concatenation.part_count = UPLOAD_PARTS + 1;
    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &id),
                     REFUSED_TOO_MANY_PARTS);
}

static void takes_no_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = create_part(fixture, 10);
    struct upload_id id = joined(fixture, &part, 1);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1), REFUSED_FINAL_UPLOAD);
    upload_close(upload);
    fill_part(fixture, &part, 0, 10);
    upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, 1), REFUSED_FINAL_UPLOAD);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    assert_reads(fixture, &id, 10);
}

static void is_made_of_a_thousand_parts(void **state)
{
    static struct upload_id parts[PARTS_MANY];
    struct fixture *fixture = *state;

    for (size_t i = 0; i < PARTS_MANY; i++)
        parts[i] = make_part(fixture, i * 10, 10);
    struct upload_id id = joined(fixture, parts, PARTS_MANY);
    assert_reads(fixture, &id, PARTS_MANY * 10);
    delete_upload(fixture, &id);
    for (size_t i = 0; i < PARTS_MANY; i++)
        delete_upload(fixture, &parts[i]);
    sweep(fixture);
    assert_nothing_left(fixture);
}

/* ---- a final that waits ---- */

static void completes_with_its_last_part(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { create_part(fixture, 10), create_part(fixture, UINT64_MAX),
                                 make_part(fixture, 30, 5) };
    struct content *content;

    struct upload_id id = joined(fixture, parts, 3);
    struct upload_info info = fixture_find(fixture, &id);
    assert_int_equal(info.state, UPLOAD_RECEIVING);
    assert_false(info.length_known);
    assert_int_equal(info.expires, 0);
    assert_int_equal(upload_read_wait(fixture->store, &id, &content), REFUSED_INCOMPLETE);

    struct upload *upload = fixture_writer(fixture, &parts[1]);
    assert_int_equal(upload_set_length_wait(upload, 20), 0);
    info = fixture_find(fixture, &id);
    assert_true(info.length_known);
    assert_int_equal(info.length, 35);
    assert_int_equal(info.offset, 0);

    /* its writer vanishes: the commit of the close counts the last byte */
    assert_int_equal(append_from(upload, 10, 20), 0);
    upload_close(upload);
    fixture_reopen(fixture);
    assert_int_equal(state_of(fixture, &parts[1]), UPLOAD_COMPLETE);
    assert_int_equal(state_of(fixture, &id), UPLOAD_RECEIVING);

    fill_part(fixture, &parts[0], 0, 10);
    assert_int_equal(state_of(fixture, &id), UPLOAD_COMPLETE);
    assert_reads(fixture, &id, 35);
    assert_int_equal(ask(fixture, "SELECT missing FROM final"), 0);
}

/* A part's last commit and the creation, at the same moment, in either order. */
static void completes_once_whoever_comes_first(void **state)
{
    struct fixture *fixture = *state;

    for (int round = 0; round < 50; round++) {
        struct completion finished, made;
        struct upload_id part = create_part(fixture, 10);
        struct upload_id twice[] = { part, part };
        struct upload_concatenation concatenation = { .parts = twice, .part_count = 2 };
        struct upload_id id;

        struct upload *upload = fixture_writer(fixture, &part);
        assert_int_equal(append_from(upload, 0, 10), 0);
        completion_init(&finished);
        completion_init(&made);
        upload_finish(upload, completion_done(&finished));
        int begun = upload_concatenate(fixture->store, &concatenation, &id, completion_done(&made));
        assert_int_equal(completion_wait_begun(&made, begun), 0);
        assert_int_equal(completion_wait(&finished), 0);
        upload_close(upload);
        struct upload_info info = fixture_find(fixture, &id);
        assert_int_equal(info.state, UPLOAD_COMPLETE);
        assert_int_equal(info.offset, 20);
    }
}

static void an_unfinished_part_that_goes_invalidates_it(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = create_part(fixture, 10);
    struct upload_id complete = make_part(fixture, 10, 10);
    struct upload_id parts[] = { part, complete };
    struct content *content;

    struct upload_id id = joined(fixture, parts, 2);
    delete_upload(fixture, &complete); /* its bytes are there, and stay */
    assert_int_equal(state_of(fixture, &id), UPLOAD_RECEIVING);
    delete_upload(fixture, &part);
    struct upload_info info = fixture_find(fixture, &id);
    assert_int_equal(info.state, UPLOAD_INVALIDATED);
    assert_true(info.expires > 0);
    assert_int_equal(upload_read_wait(fixture->store, &id, &content), REFUSED_PART_LOST);

    sweep(fixture);
    assert_false(has_file(fixture, &complete)); /* nobody needs it any more */
    let_pass(2 * fixture->options.expire_after_s);
    sweep(fixture);
    assert_nothing_left(fixture);
}

static void an_unfinished_part_that_expires_invalidates_it(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { make_part(fixture, 0, 10), create_part(fixture, 10) };

    struct upload_id id = joined(fixture, parts, 2);
    let_pass(2 * fixture->options.expire_after_s);
    sweep(fixture);
    assert_int_equal(state_of(fixture, &id), UPLOAD_INVALIDATED);
    assert_int_equal(find_result(fixture, &parts[1]), REFUSED_GONE);
    sweep(fixture);
    assert_int_equal(find_result(fixture, &parts[0]), REFUSED_GONE);
    let_pass(2 * fixture->options.expire_after_s);
    sweep(fixture);
    assert_nothing_left(fixture);
}

static void a_length_beyond_its_limit_invalidates_it(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = create_part(fixture, UINT64_MAX);
    struct upload_id twice[] = { part, part };
    struct upload_id once = joined(fixture, &part, 1);

    struct upload_id id = joined(fixture, twice, 2);
    struct upload *upload = fixture_writer(fixture, &part);
    assert_int_equal(upload_set_length_wait(upload, INT64_MAX), 0);
    upload_close(upload);
    assert_int_equal(state_of(fixture, &id), UPLOAD_INVALIDATED);
    assert_int_equal(state_of(fixture, &once), UPLOAD_RECEIVING);
    assert_int_equal(fixture_find(fixture, &once).length, INT64_MAX);
}

static void only_so_many_wait_for_one_part(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = create_part(fixture, 10);
    struct upload_id parts[UPLOAD_PART_FINALS + 1];
    struct upload_id id;

    for (size_t i = 0; i <= UPLOAD_PART_FINALS; i++)
        parts[i] = part;
    for (size_t i = 1; i <= UPLOAD_PART_FINALS; i++)
        id = joined(fixture, parts, i);
    assert_int_equal(join(fixture, parts, UPLOAD_PART_FINALS + 1, &id), REFUSED_PART_BUSY);
    fill_part(fixture, &part, 0, 10);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM progress WHERE state = 1 AND place = 1"),
                     UPLOAD_PART_FINALS);
}

/* ---- the bytes of parts ---- */

static void bytes_of_a_deleted_part_live_as_long_as_the_final(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, 1000);

    struct upload_id id = joined(fixture, &part, 1);
    delete_upload(fixture, &part);
    sweep(fixture);
    assert_int_equal(find_result(fixture, &part), REFUSED_GONE);
    assert_reads(fixture, &id, 1000);
    fixture_reopen(fixture);
    sweep(fixture);
    assert_reads(fixture, &id, 1000);

    delete_upload(fixture, &id);
    sweep(fixture);
    assert_false(has_file(fixture, &part));
    assert_nothing_left(fixture);
}

static void a_part_does_not_expire_while_a_final_has_it(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, 1000);

    struct upload_id id = joined(fixture, &part, 1);
    let_pass(10 * fixture->options.expire_after_s);
    sweep(fixture);
    assert_reads(fixture, &id, 1000);
    assert_int_equal(state_of(fixture, &part), UPLOAD_COMPLETE);
    delete_upload(fixture, &id);
    sweep(fixture); /* the final goes, then the part */
    sweep(fixture);
    assert_false(has_file(fixture, &part));
    assert_nothing_left(fixture);
}

static void is_read_to_its_end_when_it_is_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { make_part(fixture, 0, 1000), make_part(fixture, 1000, 1000) };
    uint8_t byte;

    struct upload_id id = joined(fixture, parts, 2);
    struct content *content = open_content(fixture, &id);
    assert_int_equal(content_read(content, &byte, 1, 0, false), 1);
    delete_upload(fixture, &id);
    delete_upload(fixture, &parts[0]);
    delete_upload(fixture, &parts[1]);
    sweep(fixture);
    assert_content(content, 2000);
    content_close(content);
    sweep(fixture);
    assert_false(has_file(fixture, &parts[1]));
    assert_nothing_left(fixture);
}

static void a_part_that_is_damaged_damages_it(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, 1000);

    struct upload_id id = joined(fixture, &part, 1);
    assert_int_equal(truncate(fixture_path(fixture, &part), 10), 0);
    upload_close(fixture_writer(fixture, &part));
    assert_int_equal(state_of(fixture, &part), UPLOAD_DAMAGED);
    assert_int_equal(state_of(fixture, &id), UPLOAD_DAMAGED);
}

/* ---- repeats ---- */

static void the_same_final_is_made_once(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, 10);
    struct upload_id id = joined(fixture, &part, 1);

    struct upload_id again = joined(fixture, &part, 1);
    assert_true(upload_id_equal(&id, &again));
    struct upload_concatenation named = { .parts = &part,
                                          .part_count = 1,
                                          .metadata = bytes_of_text("filename YQ==") };
    assert_int_equal(upload_concatenate_wait(fixture->store, &named, &again), 0);
    assert_false(upload_id_equal(&id, &again));

    delete_upload(fixture, &id);
    again = joined(fixture, &part, 1);
    assert_false(upload_id_equal(&id, &again));
}

static void a_key_makes_one_upload_a_day(void **state)
{
    struct fixture *fixture = *state;
    bool repeated = true;
    struct upload_creation creation = {
        .length_known = true,
        .length = 10,
        .repeat = { .key = bytes_of_text("0123456789abcdef"), .ret_repeated = &repeated },
    };
    struct upload_id first, second;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &first), 0);
    assert_false(repeated);
    fixture_reopen(fixture);
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), 0);
    assert_true(repeated);
    assert_true(upload_id_equal(&first, &second));
    creation.length = 11;
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), REFUSED_KEY_REUSED);
    creation.length = 10;
    delete_upload(fixture, &first);
    sweep(fixture);
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), 0);
    assert_true(upload_id_equal(&first, &second)); /* which is gone, and that is told */

    let_pass(24 * 3600 + 1);
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), 0);
    assert_false(repeated);
    assert_false(upload_id_equal(&first, &second));
    let_pass(24 * 3600 + 1);
    sweep(fixture);
    let_pass(3600);
    sweep(fixture);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM repeat"), 0);
}

static void a_key_finds_its_upload_below_the_floor_of_free_space(void **state)
{
    struct fixture *fixture = *state;
    struct upload_creation creation = {
        .length_known = true,
        .length = 10,
        .repeat = { .key = bytes_of_text("0123456789abcdef") },
    };
    struct upload_id first, second;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &first), 0);
    fixture->options.min_free_bytes = UINT64_MAX;
    fixture_reopen(fixture);
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), 0);
    assert_true(upload_id_equal(&first, &second));
    creation.length = 11;
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), REFUSED_KEY_REUSED);
    creation.repeat.key = bytes_of_text("fedcba9876543210");
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), REFUSED_NO_SPACE);
    creation.repeat.key.count = 0;
    assert_int_equal(upload_create_wait(fixture->store, &creation, &second), REFUSED_NO_SPACE);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM upload"), 1);
}

static void a_key_makes_one_final(void **state)
{
    struct fixture *fixture = *state;
    bool repeated = true;
    struct upload_id parts[] = { make_part(fixture, 0, 10), make_part(fixture, 10, 10) };
    struct upload_concatenation concatenation = {
        .parts = parts,
        .part_count = 2,
        .repeat = { .key = bytes_of_text("0123456789abcdef"), .ret_repeated = &repeated },
    };
    struct upload_id first, second;

    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &first), 0);
    assert_false(repeated);
    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &second), 0);
    assert_true(repeated);
    assert_true(upload_id_equal(&first, &second));
    concatenation.part_count = 1;
    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &second),
                     REFUSED_KEY_REUSED);
}

/* ---- the digest ---- */

static struct digest_value pattern_digest(size_t count)
{
    struct digest digest;
    struct digest_value value;

    digest_init(&digest, DIGEST_SHA256);
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = pattern(i);
        digest_update(&digest, bytes_of(&byte, 1));
    }
    digest_final(&digest, &value);
    return value;
}

static struct upload_id joined_stated(struct fixture *fixture, const struct upload_id *parts,
                                      size_t count, struct digest_value stated)
{
    struct upload_concatenation concatenation = { .parts = parts,
                                                  .part_count = count,
                                                  .stated = stated };
    struct upload_id id;

    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &id), 0);
    return id;
}

static void is_verified_when_a_digest_was_stated(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { make_part(fixture, 0, 3000000), create_part(fixture, 2500000) };
    struct content *content;

    struct upload_id right = joined_stated(fixture, parts, 2, pattern_digest(5500000));
    struct upload_id wrong = joined_stated(fixture, parts, 2, pattern_digest(5499999));
    fill_part(fixture, &parts[1], 3000000, 2500000);
    assert_int_equal(state_of(fixture, &right), UPLOAD_VERIFYING);
    assert_int_equal(fixture_find(fixture, &right).offset, 5500000);
    assert_int_equal(upload_read_wait(fixture->store, &right, &content), REFUSED_INCOMPLETE);
    fixture_reopen(fixture); /* it begins again */

    sweep(fixture);
    struct digest_value digest = pattern_digest(5500000);
    struct upload_info info = fixture_find(fixture, &right);
    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_true(digest_value_equal(&info.digest, &digest));
    info = fixture_find(fixture, &wrong);
    assert_int_equal(info.state, UPLOAD_DAMAGED);
    assert_true(info.expires > 0);
    assert_true(digest_value_equal(&info.digest, &digest));
    assert_reads(fixture, &right, 5500000);
}

static void one_whose_bytes_are_lost_while_it_is_verified_expires(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { make_part(fixture, 0, 1000), make_part(fixture, 1000, 1000) };

    struct upload_id id = joined_stated(fixture, parts, 2, pattern_digest(2000));
    assert_int_equal(fixture_find(fixture, &id).expires, 0);
    assert_int_equal(unlink(fixture_path(fixture, &parts[0])), 0);
    sweep(fixture);
    assert_int_equal(state_of(fixture, &id), UPLOAD_DAMAGED);
    assert_true(fixture_find(fixture, &id).expires > realtime_s());
    let_pass(2 * fixture->options.expire_after_s);
    sweep(fixture);
    assert_int_equal(find_result(fixture, &id), REFUSED_GONE);
    sweep(fixture); /* no final needs the other part any more */
    assert_false(has_file(fixture, &parts[1]));
    assert_nothing_left(fixture);
}

/* ---- one file ---- */

static void materialise(struct fixture *fixture)
{
    fixture->options.materialise = true;
    fixture_reopen(fixture);
}

static void becomes_one_file(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { make_part(fixture, 0, 100000),
                                 make_part(fixture, 100000, 200001) };
    struct content *content;

    materialise(fixture);
    struct upload_id id = joined(fixture, parts, 2);
    struct content *before = open_content(fixture, &id);
    sweep(fixture);
    assert_true(fixture_find(fixture, &id).filed);
    assert_pattern(fixture_path(fixture, &id), 300001);
    assert_false(has_file(fixture, &parts[0]));
    assert_false(has_file(fixture, &parts[1]));
    assert_content(before, 300001);
    content_close(before);
    assert_reads(fixture, &id, 300001);

    /* rows of the parts stay for a while, and accuse nobody */
    struct upload_info info = fixture_find(fixture, &parts[0]);
    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_false(info.filed);
    upload_close(fixture_writer(fixture, &parts[0]));
    assert_int_equal(state_of(fixture, &parts[0]), UPLOAD_COMPLETE);
    assert_int_equal(upload_read_wait(fixture->store, &parts[0], &content), REFUSED_GONE);
    struct upload_id again = joined(fixture, parts, 2);
    assert_true(upload_id_equal(&id, &again));
    assert_int_equal(join(fixture, parts, 1, &again), REFUSED_PART_LOST);

    let_pass(2 * fixture->options.expire_after_s);
    sweep(fixture);
    assert_int_equal(find_result(fixture, &parts[0]), REFUSED_GONE);
    assert_reads(fixture, &id, 300001);
    delete_upload(fixture, &id);
    sweep(fixture);
    assert_false(has_file(fixture, &id));
    assert_nothing_left(fixture);
}

static ssize_t no_copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset,
                                  size_t count, unsigned flags)
{
    (void)from, (void)from_offset, (void)to, (void)to_offset, (void)count, (void)flags;
    errno = EOPNOTSUPP;
    return -1;
}

static void becomes_one_file_by_hand(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, 3000000);

    materialise(fixture);
    os.copy_file_range = no_copy_file_range;
    struct upload_id id = joined(fixture, &part, 1);
    sweep(fixture);
    assert_pattern(fixture_path(fixture, &id), 3000000);
    os.copy_file_range = os_linux.copy_file_range;
}

/* As the kernel does it: who waits for a range takes the error away from the fdatasync that follows. */
static int eaten_errors;

static int eats_the_error(int fd, off_t offset, off_t count, unsigned flags)
{
    if ((flags & SYNC_FILE_RANGE_WAIT_AFTER) != 0 && eaten_errors++ == 0) {
        errno = EIO;
        return -1;
    }
    return os_linux.sync_file_range(fd, offset, count, flags);
}

static void bytes_that_did_not_reach_the_disk_are_not_copied(void **state)
{
    enum {
        BYTES = 20 * 1024 * 1024
    };
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, BYTES);

    materialise(fixture);
    eaten_errors = 0;
    os.sync_file_range = eats_the_error;
    struct upload_id id = joined(fixture, &part, 1);
    sweep(fixture);
    assert_true(eaten_errors > 0);
    assert_false(fixture_find(fixture, &id).filed);
    assert_true(has_file(fixture, &part));
    assert_reads(fixture, &id, BYTES);

    sweep(fixture);
    os.sync_file_range = os_linux.sync_file_range;
    assert_true(fixture_find(fixture, &id).filed);
    assert_pattern(fixture_path(fixture, &id), BYTES);
}

static int failing_copies;

static ssize_t copies_or_fails(int from, off_t *from_offset, int to, off_t *to_offset, size_t count,
                               unsigned flags)
{
    if (failing_copies-- > 0) {
        errno = EIO;
        return -1;
    }
    return os_linux.copy_file_range(from, from_offset, to, to_offset, count, flags);
}

/* A copy of which the row says that so many bytes are on the disk, and whose file has others, and fewer. */
static void leave_a_short_copy(struct fixture *fixture, const struct upload_id *id)
{
    FILE *file = fopen(fixture_path(fixture, id), "w");

    assert_non_null(file);
    assert_true(fputs("what is no byte of it", file) >= 0);
    assert_int_equal(fclose(file), 0);
    fixture_close(fixture);
    tell(fixture, "UPDATE final SET copied = 200000");
    fixture_open(fixture);
}

static void a_copy_that_was_cut_begins_again(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, 300000);

    materialise(fixture);
    struct upload_id id = joined(fixture, &part, 1);
    leave_a_short_copy(fixture, &id);

    failing_copies = 1;
    os.copy_file_range = copies_or_fails;
    sweep(fixture);
    assert_false(fixture_find(fixture, &id).filed);
    assert_int_equal(ask(fixture, "SELECT copied FROM final"), 0);
    assert_reads(fixture, &id, 300000);

    sweep(fixture);
    os.copy_file_range = os_linux.copy_file_range;
    assert_true(fixture_find(fixture, &id).filed);
    assert_pattern(fixture_path(fixture, &id), 300000);
}

static void a_waiting_part_found_damaged_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = create_part(fixture, 20);
    struct upload *upload = fixture_writer(fixture, &part);

    assert_int_equal(append_from(upload, 0, 10), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    struct upload_id id = joined(fixture, &part, 1);
    assert_int_equal(unlink(fixture_path(fixture, &part)), 0);
    upload_close(fixture_writer(fixture, &part));
    assert_int_equal(state_of(fixture, &part), UPLOAD_DAMAGED);
    assert_int_equal(state_of(fixture, &id), UPLOAD_INVALIDATED);
    assert_true(fixture_find(fixture, &id).expires != 0);
    let_pass(2 * fixture->options.expire_after_s);
    sweep(fixture);
    assert_int_equal(find_result(fixture, &id), REFUSED_GONE);
}

static void a_final_damaged_by_its_part_expires(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { make_part(fixture, 0, 10), make_part(fixture, 10, 10) };
    struct upload_id id = joined(fixture, parts, 2);

    assert_int_equal(unlink(fixture_path(fixture, &parts[0])), 0);
    upload_close(fixture_writer(fixture, &parts[0]));
    assert_int_equal(state_of(fixture, &id), UPLOAD_DAMAGED);
    let_pass(2 * fixture->options.expire_after_s);
    sweep(fixture);
    assert_int_equal(find_result(fixture, &id), REFUSED_GONE);
    sweep(fixture); /* no final needs the other part any more */
    assert_false(has_file(fixture, &parts[1]));
}

static struct upload_id awaited_final;
static atomic_int completions_seen;

static void see_completion(void *argument, const struct observation *observation)
{
    (void)argument;
    if (observation->what == OBSERVED_STATE && observation->state == UPLOAD_COMPLETE &&
        upload_id_equal(&observation->id, &awaited_final))
        atomic_fetch_add(&completions_seen, 1);
}

static void its_completion_is_told_behind_many_that_failed(void **state)
{
    struct fixture *fixture = *state;

    fixture_close(fixture);
    fixture->options.observer = (struct observer){ .see = see_completion };
    fixture_open(fixture);
    struct upload_id shared = create_part(fixture, 10);
    for (int i = 0; i < UPLOAD_PART_FINALS; i++) {
        struct upload_id parts[] = { shared, create_part(fixture, 10) };
        struct upload_id id = joined(fixture, parts, 2);
        delete_upload(fixture, &parts[1]);
        assert_int_equal(state_of(fixture, &id), UPLOAD_INVALIDATED);
    }
    awaited_final = joined(fixture, &shared, 1);
    fill_part(fixture, &shared, 0, 10);
    assert_int_equal(state_of(fixture, &awaited_final), UPLOAD_COMPLETE);
    assert_int_equal(completions_seen, 1);
}

static void keeps_parts_that_another_final_needs(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { make_part(fixture, 0, 10), create_part(fixture, 10) };

    materialise(fixture);
    struct upload_id one = joined(fixture, parts, 1);
    struct upload_id both = joined(fixture, parts, 2);
    sweep(fixture);
    assert_true(fixture_find(fixture, &one).filed);
    assert_true(has_file(fixture, &parts[0]));
    fill_part(fixture, &parts[1], 10, 10);
    assert_reads(fixture, &both, 20);
    sweep(fixture);
    assert_reads(fixture, &both, 20);
    assert_false(has_file(fixture, &parts[0]));
    assert_false(has_file(fixture, &parts[1]));
}

/* ---- read again ---- */

struct findings {
    unsigned counts[VERIFY_FINDINGS];
    char last[80];
};

static void note_finding(void *argument, enum verify_finding finding, const char *name)
{
    struct findings *findings = argument;

    findings->counts[finding]++;
    (void)snprintf(findings->last, sizeof(findings->last), "%s", name);
}

static struct findings verified(struct fixture *fixture, uint64_t *ret_proven)
{
    struct findings findings = { 0 };
    struct verify_options options = { .directory = fixture->directory,
                                      .found = note_finding,
                                      .argument = &findings };
    struct verify_result result;

    assert_int_equal(verify_run(&options, &result), 0);
    *ret_proven = result.proven;
    return findings;
}

static void verifying_reads_them_over_their_parts(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id parts[] = { make_part(fixture, 0, 1000), make_part(fixture, 1000, 1000) };
    uint64_t proven;

    (void)joined_stated(fixture, parts, 2, pattern_digest(2000));
    (void)joined(fixture, parts, 1);
    sweep(fixture);
    delete_upload(fixture, &parts[1]);
    sweep(fixture);
    struct findings findings = verified(fixture, &proven);
    assert_string_equal(findings.last, "");
    assert_int_equal(proven, 3); /* two parts, and the final that has a digest */

    FILE *file = fopen(fixture_path(fixture, &parts[1]), "r+");
    assert_non_null(file);
    assert_int_equal(fputc(pattern(1000) ^ 1, file), pattern(1000) ^ 1);
    assert_int_equal(fclose(file), 0);
    findings = verified(fixture, &proven);
    assert_int_equal(findings.counts[VERIFY_DAMAGED], 2); /* the deleted part, and that final */
    assert_int_equal(proven, 1);
}

static void what_was_freed_accuses_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct upload_id part = make_part(fixture, 0, 1000);
    uint64_t proven;

    materialise(fixture);
    struct upload_id id = joined_stated(fixture, &part, 1, pattern_digest(1000));
    sweep(fixture);
    assert_true(fixture_find(fixture, &id).filed);
    struct findings findings = verified(fixture, &proven);
    assert_string_equal(findings.last, "");
    assert_int_equal(proven, 1);
}

/* ---- in the background ---- */

static void all_of_it_happens_by_itself(void **state)
{
    struct fixture *fixture = *state;
    struct upload_info info;

    fixture->options.manual = false;
    materialise(fixture);
    struct upload_id parts[] = { make_part(fixture, 0, 1000000), create_part(fixture, 1000000) };
    struct upload_id id = joined_stated(fixture, parts, 2, pattern_digest(2000000));
    fill_part(fixture, &parts[1], 1000000, 1000000);
    for (int tries = 0; tries < 30000; tries++) {
        info = fixture_find(fixture, &id);
        if (info.state != UPLOAD_VERIFYING && info.filed)
            break;
        assert_true(usleep(1000) == 0);
    }
    assert_int_equal(info.state, UPLOAD_COMPLETE);
    assert_true(info.filed);
    assert_reads(fixture, &id, 2000000);
}

static int finals_set_up(void **state)
{
    int r = fixture_set_up(state);
    struct fixture *fixture = *state;

    realtime_ahead_s = 0;
    monotonic_ahead_ms = 0;
    os.realtime_s = realtime_s;
    os.monotonic_ms = monotonic_ms;
    fixture->options.expire_after_s = 600;
    fixture->options.tombstone_s = 1000000;
    fixture_reopen(fixture);
    return r;
}

static int finals_tear_down(void **state)
{
    int r = fixture_tear_down(state);

    os = os_linux;
    return r;
}

#define FINALS_TEST(name) cmocka_unit_test_setup_teardown(name, finals_set_up, finals_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FINALS_TEST(joins_parts_in_their_order),
        FINALS_TEST(a_part_may_stand_in_it_twice_and_in_others),
        FINALS_TEST(refuses_what_is_no_part),
        FINALS_TEST(takes_no_bytes),
        FINALS_TEST(is_made_of_a_thousand_parts),
        FINALS_TEST(completes_with_its_last_part),
        FINALS_TEST(completes_once_whoever_comes_first),
        FINALS_TEST(an_unfinished_part_that_goes_invalidates_it),
        FINALS_TEST(an_unfinished_part_that_expires_invalidates_it),
        FINALS_TEST(a_length_beyond_its_limit_invalidates_it),
        FINALS_TEST(only_so_many_wait_for_one_part),
        FINALS_TEST(bytes_of_a_deleted_part_live_as_long_as_the_final),
        FINALS_TEST(a_part_does_not_expire_while_a_final_has_it),
        FINALS_TEST(is_read_to_its_end_when_it_is_deleted),
        FINALS_TEST(a_part_that_is_damaged_damages_it),
        FINALS_TEST(the_same_final_is_made_once),
        FINALS_TEST(a_key_makes_one_upload_a_day),
        FINALS_TEST(a_key_finds_its_upload_below_the_floor_of_free_space),
        FINALS_TEST(a_key_makes_one_final),
        FINALS_TEST(is_verified_when_a_digest_was_stated),
        FINALS_TEST(one_whose_bytes_are_lost_while_it_is_verified_expires),
        FINALS_TEST(becomes_one_file),
        FINALS_TEST(becomes_one_file_by_hand),
        FINALS_TEST(bytes_that_did_not_reach_the_disk_are_not_copied),
        FINALS_TEST(a_copy_that_was_cut_begins_again),
        FINALS_TEST(a_waiting_part_found_damaged_leaves_nothing),
        FINALS_TEST(a_final_damaged_by_its_part_expires),
        FINALS_TEST(its_completion_is_told_behind_many_that_failed),
        FINALS_TEST(keeps_parts_that_another_final_needs),
        FINALS_TEST(verifying_reads_them_over_their_parts),
        FINALS_TEST(what_was_freed_accuses_nobody),
        FINALS_TEST(all_of_it_happens_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
