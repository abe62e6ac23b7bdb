/*
 * A disk that is really full: a small ext4 on a loop device
 *
 * Needs root, a loop device and mkfs.ext4; where they are missing it says so and counts as skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/refusal.h"
#include "storage/os.h"
#include "tests/storage/fixture.h"
#include "tests/storage/loop_disk.h"

enum {
    DISK_MB = 96,
    VICTIM_BYTES = 6 * 1024 * 1024,
    EXPIRE_AFTER_S = 100,
    MIN_FREE_BYTES = 1024 * 1024,
};

static struct loop_disk disk;

/* Takes every block that is left. */
static void fill_up(void)
{
    static const char zeros[65536];
    char path[100];
    size_t size = sizeof(zeros);

    (void)snprintf(path, sizeof(path), "%s/filler", disk.mounted);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (size > 0)
        if (write(fd, zeros, size) <= 0)
            size /= 2;
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(close(fd), 0);
}

static void empty_again(void)
{
    char path[100];

    (void)snprintf(path, sizeof(path), "%s/filler", disk.mounted);
    assert_int_equal(unlink(path), 0);
    sync(); /* ext4 gives freed blocks out again after its journal's commit */
}

static atomic_uint_fast64_t clock_s = 1000000;

static int64_t realtime_s(void)
{
    return (int64_t)atomic_load(&clock_s);
}

static uint64_t monotonic_ms(void)
{
    return atomic_load(&clock_s) * 1000;
}

static struct upload_id create_victim(struct fixture *fixture, bool complete)
{
    struct upload_id id = fixture_create(fixture, UINT64_MAX);

    struct upload *upload = fixture_writer(fixture, &id);
    assert_int_equal(append_pattern(upload, VICTIM_BYTES), 0);
    assert_int_equal(complete ? upload_finish_wait(upload) : upload_commit_wait(upload), 0);
    upload_close(upload);
    return id;
}

static int create_keyed(struct fixture *fixture, const char *key, struct upload_id *ret_id)
{
    struct upload_creation creation = {
        .length_known = true,
        .length = 10,
        .repeat = { .key = bytes_of_text(key) },
    };

    return upload_create_wait(fixture->store, &creation, ret_id);
}

static int find(struct fixture *fixture, const struct upload_id *id)
{
    struct upload_info info = { 0 };

    int r = upload_find_wait(fixture->store, id, &info);
    upload_info_done(&info);
    return r;
}

static void keeps_what_fitted_deletes_expires_and_goes_on(void **state)
{
    struct fixture fixture = {
        .options = { .manual = true,
                     .min_free_bytes = MIN_FREE_BYTES,
                     .expire_after_s = EXPIRE_AFTER_S,
                     .tombstone_s = 1000 },
    };
    struct upload_id keyed, again;
    int r = 0;

    (void)state;
    os.realtime_s = realtime_s;
    os.monotonic_ms = monotonic_ms;
    (void)snprintf(fixture.directory, sizeof(fixture.directory), "%s/data", disk.mounted);
    fixture_open(&fixture);
    struct upload_id deleted = create_victim(&fixture, true);
    struct upload_id expired = create_victim(&fixture, false);
    atomic_fetch_add(&clock_s, EXPIRE_AFTER_S / 2);
    assert_int_equal(create_keyed(&fixture, "of the first one", &keyed), 0);

    /* the prefix that fitted is committed */
    struct upload_id id = fixture_create(&fixture, (uint64_t)DISK_MB << 20);
    struct upload *upload = fixture_writer(&fixture, &id);
    while (r == 0)
        r = append_pattern(upload, 100000);
    assert_int_equal(r, REFUSED_NO_SPACE);
    assert_int_equal(upload_commit_wait(upload), REFUSED_NO_SPACE);
    uint64_t fitted = upload_offset(upload);
    assert_true(fitted > (uint64_t)20 << 20);
    upload_close(upload);
    fill_up();

    /* everything that needs no space goes on */
    upload = fixture_writer(&fixture, &id);
    assert_int_equal(upload_offset(upload), fitted);
    (void)append_pattern(upload, 100000);
    assert_int_equal(upload_commit_wait(upload), REFUSED_NO_SPACE);
    upload_close(upload);
    fill_up(); /* with the blocks that the close may have freed */
    store_tick(fixture.store);
    assert_int_equal(create_keyed(&fixture, "of another one.....", &again), REFUSED_NO_SPACE);
    assert_int_equal(create_keyed(&fixture, "of the first one", &again), 0);
    assert_true(upload_id_equal(&again, &keyed));
    upload = fixture_writer(&fixture, &deleted);
    assert_int_equal(upload_delete_wait(upload), 0);
    upload_close(upload);
    assert_int_equal(store_sweep(fixture.store), 0);
    assert_int_equal(find(&fixture, &deleted), REFUSED_GONE);
    fill_up();
    atomic_fetch_add(&clock_s, EXPIRE_AFTER_S / 2);
    assert_int_equal(store_sweep(fixture.store), 0);
    assert_int_equal(find(&fixture, &expired), REFUSED_GONE);

    /* a restart on a full disk, then space again */
    fill_up();
    fixture_reopen(&fixture);
    assert_true(fixture_find(&fixture, &id).offset >= fitted);
    empty_again();
    upload = fixture_writer(&fixture, &id);
    uint64_t offset = upload_offset(upload);
    assert_int_equal(append_pattern(upload, 5000000), 0);
    assert_int_equal(upload_commit_wait(upload), 0);
    upload_close(upload);
    fixture_close(&fixture);
    assert_pattern(fixture_path(&fixture, &id), offset + 5000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_fitted_deletes_expires_and_goes_on),
    };

    const char *missing = loop_disk_make(&disk, "mkfs.ext4 -q -m 0", DISK_MB);
    if (missing != NULL) {
        (void)fprintf(stderr, "SKIPPED, no test on a full disk: %s\n", missing);
        loop_disk_remove(&disk);
        return SKIPPED;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    loop_disk_remove(&disk);
    return failed;
}
