/* A record that can be read is one that the client can work with, whoever has written it; one that cannot
 * is as good as none. The input is the file. */

#include "tools/ferry/record.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tools/ferry/say.h"

/* The name of the record of this file and this endpoint. */
#define RECORD_PATH     "/f"
#define RECORD_ENDPOINT "http://h/"
#define RECORD_NAME     "fbe89ea17a6124ab.json"

static char folder[64];

static void folder_remove(void)
{
    char name[128];

    (void)snprintf(name, sizeof(name), "%s/ferry/" RECORD_NAME, folder);
    (void)unlink(name);
    (void)snprintf(name, sizeof(name), "%s/ferry", folder);
    (void)rmdir(name);
    (void)rmdir(folder);
}

/* One for all inputs. */
static void folder_prepare(void)
{
    const char *parent = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): nobody changes it */
    char name[128];

    if (folder[0] != '\0')
        return;
    (void)snprintf(folder, sizeof(folder), "%s/ferry-fuzz-XXXXXX",
                   parent != NULL && strlen(parent) < 32 ? parent : "/dev/shm");
    if (mkdtemp(folder) == NULL || setenv("XDG_STATE_HOME", folder, 1) != 0)
        abort();
    (void)snprintf(name, sizeof(name), "%s/ferry", folder);
    if (mkdir(name, 0700) != 0 || atexit(folder_remove) != 0)
        abort();
    say_only_errors();
}

static void record_write(const uint8_t *data, size_t size)
{
    char name[128];

    (void)snprintf(name, sizeof(name), "%s/ferry/" RECORD_NAME, folder);
    AUTO_CLOSE int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
}

/* Whatever the client asks of it. */
static void record_ask(const struct record *record)
{
    size_t count = record_part_count(record);

    assert(count <= RECORD_PARTS_MAX);
    for (size_t i = 0; i < count; i++)
        if (record_upload(record, i) != NULL)
            assert(record_begun(record));
    assert(record_upload(record, count) == NULL);
    assert(strlen(record_join_key(record)) < RECORD_JOIN_KEY_BYTES);
    assert(count < 2 || strlen(record_join_key(record)) == RECORD_JOIN_KEY_BYTES - 1);
    assert(!record_begun(record) || record_protocol(record) != NULL);
    assert(record_target(record) == NULL || count == 0);
    assert(record_identity(record)->size <= INT64_MAX);
    (void)record_etag(record);
    (void)record_birth(record);
}

/* What is saved beside what was read is read again, and so is that. */
static void record_goes_on(struct record *record)
{
    struct record *again = NULL;
    size_t count = record_part_count(record);

    if (count == 0 || record_save(record, 0, "http://h/again") != 0) {
        record_close(record);
        return;
    }
    record_close(record);
    assert(record_open(RECORD_PATH, RECORD_ENDPOINT, &again) == 0);
    assert(record_part_count(again) == count);
    assert(strcmp(record_upload(again, 0), "http://h/again") == 0);
    record_ask(again);
    record_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record *record = NULL;

    folder_prepare();
    record_write(data, size);
    assert(record_open(RECORD_PATH, RECORD_ENDPOINT, &record) == 0);
    record_ask(record);
    record_goes_on(record);
    return 0;
}
