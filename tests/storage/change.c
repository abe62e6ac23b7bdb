/*
 * What changes write is what look-ups find
 */
#include "storage/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "storage/lookup.h"
#include "storage/schema.h"
#include "tests/storage/fixture.h"

struct database {
    struct fixture fixture; /* for its directory; no store */
    struct db *db;
};

static int set_up(void **state)
{
    struct database *database = calloc(1, sizeof(*database));
    char path[100];

    assert_non_null(database);
    database->fixture = fixture_new();
    (void)snprintf(path, sizeof(path), "%s/ferry.db", database->fixture.directory);
    assert_int_equal(db_open(path, DB_WRITER, &database->db), 0);
    assert_int_equal(schema_apply(database->db), 0);
    *state = database;
    return 0;
}

static int tear_down(void **state)
{
    struct database *database = *state;

    db_close(database->db);
    fixture_remove(&database->fixture);
    free(database);
    return 0;
}

static int apply(struct database *database, struct change change)
{
    return change_apply(database->db, &change);
}

static struct digest_value value_of(enum digest_algorithm algorithm, uint8_t byte)
{
    struct digest_value value = { .algorithm = algorithm };

    memset(value.bytes, byte, digest_algorithm_bytes(algorithm));
    return value;
}

/* The first upload of a database has number 1. */
static struct upload_id create(struct database *database)
{
    struct change change = {
        .kind = CHANGE_CREATE,
        .info = { .id = { "first" },
                  .created = 1000,
                  .expires = 1100,
                  .digest_algorithm = DIGEST_SHA256,
                  .stated = value_of(DIGEST_SHA256, 7) },
    };

    assert_int_equal(apply(database, change), 0);
    return change.info.id;
}

static struct lookup look(struct database *database, const struct upload_id *id)
{
    struct lookup lookup = { 0 };

    assert_int_equal(lookup_upload(database->db, id, &lookup), 0);
    return lookup;
}

static void a_new_upload_has_what_was_stated_and_no_more(void **state)
{
    struct database *database = *state;
    struct digest_value stated = value_of(DIGEST_SHA256, 7);
    struct upload_id id = create(database);
    struct lookup lookup = look(database, &id);

    assert_int_equal(lookup.number, 1);
    assert_true(digest_value_equal(&lookup.info.stated, &stated));
    assert_int_equal(lookup.info.digest.algorithm, DIGEST_NONE);
    assert_int_equal(lookup.info.appended, 1000); /* its creation, while there are no bytes */
    assert_int_equal(lookup.checkpoint.count, 0);
    assert_null(lookup.info.metadata);
    assert_null(lookup.info.response);
}

static void a_commit_keeps_the_checkpoint_and_the_time_of_its_bytes(void **state)
{
    struct database *database = *state;
    struct upload_id id = create(database);
    struct change change = {
        .kind = CHANGE_COMMIT,
        .number = 1,
        .offset = 300,
        .appended = 1050,
        .checkpoint = { .position = 256, .count = 3, .bytes = { 1, 2, 3 } },
    };

    assert_int_equal(apply(database, change), 0);
    struct lookup lookup = look(database, &id);
    assert_int_equal(lookup.info.offset, 300);
    assert_int_equal(lookup.info.appended, 1050);
    assert_int_equal(lookup.info.expires, 1100);
    assert_int_equal(lookup.checkpoint.count, 3);
    assert_memory_equal(lookup.checkpoint.bytes, "\1\2\3", 3);

    change.appended = 1060; /* without a byte more */
    change.expires_changed = true;
    change.expires = 1160;
    change.checkpoint.count = 0;
    assert_int_equal(apply(database, change), 0);
    lookup = look(database, &id);
    assert_int_equal(lookup.info.appended, 1050);
    assert_int_equal(lookup.info.expires, 1160);
    assert_int_equal(lookup.checkpoint.count, 0);

    change.offset = 299;
    assert_int_equal(apply(database, change), REFUSED_GONE); /* an offset never decreases */
}

static void a_complete_upload_has_its_digest_and_the_response(void **state)
{
    struct database *database = *state;
    struct digest_value digest = value_of(DIGEST_SHA256, 9);
    struct upload_id id = create(database);
    struct change change = {
        .kind = CHANGE_COMPLETE,
        .number = 1,
        .offset = 300,
        .appended = 1050,
        .digest = digest,
        .response = bytes_of_text("what the client lost"),
    };

    assert_int_equal(apply(database, change), 0);
    struct lookup lookup = look(database, &id);
    assert_int_equal(lookup.info.state, UPLOAD_COMPLETE);
    assert_int_equal(lookup.info.length, 300);
    assert_int_equal(lookup.info.appended, 1050);
    assert_int_equal(lookup.info.expires, 0);
    assert_true(digest_value_equal(&lookup.info.digest, &digest));
    assert_true(bytes_equal_text(bytes_of(lookup.info.response, lookup.info.response_count),
                                 "what the client lost"));
    upload_info_done(&lookup.info);
    assert_null(lookup.info.response);
    assert_int_equal(apply(database, change), REFUSED_GONE); /* once */
}

static void an_upload_of_other_bytes_than_stated_is_damaged(void **state)
{
    struct database *database = *state;
    struct digest_value digest = value_of(DIGEST_SHA256, 9);
    struct upload_id id = create(database);
    struct change change = {
        .kind = CHANGE_MISMATCH,
        .number = 1,
        .offset = 300,
        .appended = 1050,
        .digest = digest,
        .expires = 1150,
    };

    assert_int_equal(apply(database, change), 0);
    struct lookup lookup = look(database, &id);
    assert_int_equal(lookup.info.state, UPLOAD_DAMAGED);
    assert_int_equal(lookup.info.length, 300);
    assert_int_equal(lookup.info.expires, 1150); /* kept until then, with both digests */
    assert_true(digest_value_equal(&lookup.info.digest, &digest));
    assert_int_equal(lookup.info.stated.bytes[0], 7);
}

static void a_look_by_number_tells_digests_too(void **state)
{
    struct database *database = *state;
    struct upload_info info = { 0 };

    (void)create(database);
    assert_int_equal(lookup_number(database->db, 2, &info), REFUSED_UNKNOWN_UPLOAD);
    assert_int_equal(lookup_number(database->db, 1, &info), 0);
    assert_int_equal(info.stated.algorithm, DIGEST_SHA256);
    assert_int_equal(info.digest.algorithm, DIGEST_NONE);
    assert_int_equal(info.appended, 1000);
    upload_info_done(&info);
}

static void the_row_of_what_is_gone_becomes_a_tombstone_in_one_step(void **state)
{
    struct database *database = *state;
    struct upload_id id = create(database);
    struct lookup lookup;
    struct change purge = { .kind = CHANGE_PURGE, .number = 1, .until = 2000 };

    assert_int_equal(apply(database, purge), REFUSED_GONE); /* not before it is deleted */
    (void)look(database, &id);
    assert_int_equal(apply(database, (struct change){ .kind = CHANGE_DELETE, .number = 1 }), 0);
    assert_int_equal(lookup_upload(database->db, &id, &lookup), REFUSED_GONE);
    assert_int_equal(apply(database, purge), 0);
    assert_int_equal(lookup_upload(database->db, &id, &lookup), REFUSED_GONE);

    struct change forget = { .kind = CHANGE_FORGET, .now = 1999 };
    assert_int_equal(apply(database, forget), REFUSED_GONE); /* nothing to be forgotten */
    forget.now = 2000;
    assert_int_equal(apply(database, forget), 0);
    assert_int_equal(lookup_upload(database->db, &id, &lookup), REFUSED_UNKNOWN_UPLOAD);
}

#define CHANGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHANGE_TEST(a_new_upload_has_what_was_stated_and_no_more),
        CHANGE_TEST(a_commit_keeps_the_checkpoint_and_the_time_of_its_bytes),
        CHANGE_TEST(a_complete_upload_has_its_digest_and_the_response),
        CHANGE_TEST(an_upload_of_other_bytes_than_stated_is_damaged),
        CHANGE_TEST(a_look_by_number_tells_digests_too),
        CHANGE_TEST(the_row_of_what_is_gone_becomes_a_tombstone_in_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
