/*
 * Finals that become one file where files can share blocks: btrfs, XFS
 *
 *     test_storage_reflink btrfs|xfs
 *
 * Needs root, a loop device and the program that makes such a file system; where they are missing it says so and
 * counts as skipped.
 */
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/storage/fixture.h"
#include "tests/storage/loop_disk.h"

enum {
    DISK_MB = 512, /* XFS wants 300 */
    PART_BYTES = 2 * 1024 * 1024,
    EXTENTS_MOST = 200,
};

static struct loop_disk disk;

static struct fixture open_store(const char *name)
{
    struct fixture fixture = { .options = { .manual = true, .materialise = true } };

    (void)snprintf(fixture.directory, sizeof(fixture.directory), "%s/%s", disk.mounted, name);
    fixture_open(&fixture);
    return fixture;
}

static struct upload_id create_part(struct fixture *fixture, uint64_t length)
{
    struct upload_creation creation = {
        .kind = UPLOAD_PARTIAL,
        .length_known = true,
        .length = length,
    };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    return id;
}

/* The bytes of the pattern from the offset on. */
static struct upload_id make_part(struct fixture *fixture, uint64_t offset, size_t count)
{
    static uint8_t bytes[2 * PART_BYTES];
    struct upload_id id = create_part(fixture, count);
    struct upload *upload = fixture_writer(fixture, &id);

    assert_true(count <= sizeof(bytes));
    for (size_t i = 0; i < count; i++)
        bytes[i] = pattern(offset + i);
    assert_int_equal(upload_append_wait(upload, bytes_of(bytes, count)), 0);
    assert_int_equal(upload_finish_wait(upload), 0);
    upload_close(upload);
    return id;
}

static struct upload_id join(struct fixture *fixture, const struct upload_id *parts, size_t count)
{
    struct upload_concatenation concatenation = { .parts = parts, .part_count = count };
    struct upload_id id;

    assert_int_equal(upload_concatenate_wait(fixture->store, &concatenation, &id), 0);
    return id;
}

/* One file of two parts that lie side by side; another final waits with them, so they keep theirs. */
static struct upload_id materialise(struct fixture *fixture, size_t first, size_t second)
{
    struct upload_id parts[] = { make_part(fixture, 0, first), make_part(fixture, first, second),
                                 create_part(fixture, 1) };

    (void)join(fixture, parts, 3);
    struct upload_id id = join(fixture, parts, 2);
    assert_int_equal(store_sweep(fixture->store), 0);
    assert_true(fixture_find(fixture, &id).filed);
    assert_pattern(fixture_path(fixture, &id), first + second);
    return id;
}

/* How many bytes of a file, with those that fill its last block, lie in blocks which others have, too. */
static uint64_t shared_bytes(const char *path)
{
    static union {
        struct fiemap map;
        uint8_t memory[sizeof(struct fiemap) + EXTENTS_MOST * sizeof(struct fiemap_extent)];
    } answer;
    uint64_t shared = 0;

    memset(&answer, 0, sizeof(answer));
    answer.map.fm_length = FIEMAP_MAX_OFFSET;
    answer.map.fm_flags = FIEMAP_FLAG_SYNC;
    answer.map.fm_extent_count = EXTENTS_MOST;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, FS_IOC_FIEMAP, &answer.map), 0);
    assert_int_equal(close(fd), 0);
    assert_in_range(answer.map.fm_mapped_extents, 1, EXTENTS_MOST - 1);
    for (uint32_t i = 0; i < answer.map.fm_mapped_extents; i++)
        if ((answer.map.fm_extents[i].fe_flags & FIEMAP_EXTENT_SHARED) != 0)
            shared += answer.map.fm_extents[i].fe_length;
    return shared;
}

static void shares_every_block_of_parts_that_begin_with_one(void **state)
{
    struct fixture fixture = open_store("whole");

    (void)state;
    struct upload_id id = materialise(&fixture, PART_BYTES, PART_BYTES - 12345);
    assert_in_range(shared_bytes(fixture_path(&fixture, &id)), 2 * PART_BYTES - 12345,
                    2 * PART_BYTES);
    fixture_close(&fixture);
}

/* What begins within a block is copied: file systems share whole ones. */
static void shares_what_it_can_of_other_parts(void **state)
{
    struct fixture fixture = open_store("odd");

    (void)state;
    struct upload_id id = materialise(&fixture, PART_BYTES + 1, PART_BYTES);
    assert_in_range(shared_bytes(fixture_path(&fixture, &id)), PART_BYTES, PART_BYTES + 65536);
    fixture_close(&fixture);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_every_block_of_parts_that_begin_with_one),
        cmocka_unit_test(shares_what_it_can_of_other_parts),
    };
    const char *file_system = count > 1 ? arguments[1] : "xfs";
    char mkfs[40];

    (void)snprintf(mkfs, sizeof(mkfs), "mkfs.%s -q", file_system);
    const char *missing = loop_disk_make(&disk, mkfs, DISK_MB);
    if (missing != NULL) {
        (void)fprintf(stderr, "SKIPPED, no test of shared blocks on %s: %s\n", file_system,
                      missing);
        loop_disk_remove(&disk);
        return SKIPPED;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    loop_disk_remove(&disk);
    return failed;
}
