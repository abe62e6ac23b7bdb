#include "tests/storage/fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/os.h"

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

/* What a failed test leaves behind goes when its program ends. */
static struct {
    pid_t owner; /* children do not clean up after their parent */
    char directories[16][64];
} leftovers;

static void remove_leftovers(void)
{
    if (getpid() != leftovers.owner)
        return;
    for (size_t i = 0; i < sizeof(leftovers.directories) / sizeof(leftovers.directories[0]); i++)
        if (leftovers.directories[i][0] != '\0')
            (void)nftw(leftovers.directories[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Puts a directory in the place of another one: "" in the place of what is gone. */
static void note_leftover(const char *old, const char *new)
{
    if (leftovers.owner == 0) {
        leftovers.owner = getpid();
        assert_int_equal(atexit(remove_leftovers), 0);
    }
    for (size_t i = 0; i < sizeof(leftovers.directories) / sizeof(leftovers.directories[0]); i++)
        if (strcmp(leftovers.directories[i], old) == 0) {
            (void)snprintf(leftovers.directories[i], sizeof(leftovers.directories[i]), "%s", new);
            return;
        }
}

struct fixture fixture_new(void)
{
    struct fixture fixture = {
        .options = { .io_threads = 2,
                     .sync_threads = 2,
                     .tombstone_s = 2000,
                     .wal_bytes = 128 * 1024,
                     .manual = true },
    };

    /* in memory, where there is that: what is tested is the order of calls, not the disk */
    (void)snprintf(fixture.directory, sizeof(fixture.directory), "%s/ferry-test-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(fixture.directory));
    note_leftover("", fixture.directory);
    return fixture;
}

void fixture_open(struct fixture *fixture)
{
    assert_null(fixture->store);
    fixture->options.directory = fixture->directory;
    assert_int_equal(store_open(&fixture->options, &fixture->store), 0);
}

void fixture_close(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
}

void fixture_reopen(struct fixture *fixture)
{
    fixture_close(fixture);
    fixture_open(fixture);
}

void fixture_remove(struct fixture *fixture)
{
    fixture_close(fixture);
    assert_int_equal(nftw(fixture->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    note_leftover(fixture->directory, "");
}

int fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    *fixture = fixture_new();
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_remove(*state);
    os = os_linux; /* only now has nobody a call under way */
    free(*state);
    return 0;
}

struct upload_id fixture_create(struct fixture *fixture, uint64_t length)
{
    struct upload_creation creation = {
        .protocol = 1,
        .length_known = length != UINT64_MAX,
        .length = length == UINT64_MAX ? 0 : length,
        .metadata = bytes_of_text("filename bWUudHh0"),
    };
    struct upload_id id;

    assert_int_equal(upload_create_wait(fixture->store, &creation, &id), 0);
    return id;
}

struct upload *fixture_writer(struct fixture *fixture, const struct upload_id *id)
{
    struct upload_writer writer = { .patience_ms = 60 * 1000 };
    struct upload *upload = NULL;

    assert_int_equal(upload_open_wait(fixture->store, id, &writer, &upload), 0);
    return upload;
}

struct upload_info fixture_find(struct fixture *fixture, const struct upload_id *id)
{
    struct upload_info info = { 0 };

    assert_int_equal(upload_find_wait(fixture->store, id, &info), 0);
    upload_info_done(&info);
    return info;
}

const char *fixture_path(struct fixture *fixture, const struct upload_id *id)
{
    static char path[160];
    struct upload_id_text text = upload_id_format(id);

    (void)snprintf(path, sizeof(path), "%s/files/%.2s/%s", fixture->directory, text.text,
                   text.text);
    return path;
}

static int append_pieces(struct upload *upload, size_t count, size_t most)
{
    uint8_t bytes[FLOWING_BYTES]; /* on the stack: in some tests no memory can be had */

    for (uint64_t start = upload_received(upload); count > 0;) {
        size_t piece = count < most ? count : most;
        for (size_t i = 0; i < piece; i++)
            bytes[i] = pattern(start + i);
        int r = upload_append_wait(upload, bytes_of(bytes, piece));
        if (r != 0)
            return r;
        start += piece;
        count -= piece;
    }
    return 0;
}

int append_pattern(struct upload *upload, size_t count)
{
    return append_pieces(upload, count, FLOWING_BYTES / 2);
}

int append_flowing(struct upload *upload, size_t count)
{
    return append_pieces(upload, count, FLOWING_BYTES);
}

void assert_pattern(const char *path, uint64_t size)
{
    uint8_t bytes[4096];
    uint64_t offset = 0;
    ssize_t count;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    while ((count = read(fd, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < count; i++, offset++)
            if (bytes[i] != pattern(offset))
                fail_msg("wrong byte at %llu of %s", (unsigned long long)offset, path);
    assert_int_equal(count, 0);
    assert_int_equal(offset, size);
    assert_int_equal(close(fd), 0);
}
