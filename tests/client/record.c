#include "tools/ferry/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

static const char path[] = "/videos/\xFF 100%.mp4";
static const char endpoint[] = "http://127.0.0.1:1080/files/";
static const char upload[] = "http://127.0.0.1:1080/files/4f0c";
static const struct identity identity = { .size = 12, .inode = UINT64_MAX, .mtime_ns = -1 };

static char folder[] = "/tmp/ferry-record-XXXXXX";

static struct record *open_record(const char *of)
{
    struct record *record = NULL;
    assert_int_equal(record_open(of, endpoint, &record), 0);
    return record;
}

/* How many entries the state folder has. */
static int count_files(void)
{
    char name[64];
    int count = -2; /* . and .. */

    (void)snprintf(name, sizeof(name), "%s/ferry", folder);
    DIR *dir = opendir(name);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static void knows_nothing_at_first_and_leaves_nothing(void **state)
{
    (void)state;
    struct record *record = open_record(path);
    assert_null(record_upload(record, 0));
    assert_int_equal(record_forget(record), 0);
    record_close(record);
    assert_int_equal(count_files(), 0);
}

static void remembers_until_it_is_told_to_forget(void **state)
{
    (void)state;
    struct record *record = open_record(path);
    assert_int_equal(record_begin(record, "ietf", &identity, 1), 0);
    assert_false(record_begun(record));
    assert_int_equal(record_save(record, 0, "http://h/other"), 0);
    assert_int_equal(record_save(record, 0, upload), 0);
    record_close(record);
    assert_int_equal(count_files(), 1);

    record = open_record(path);
    assert_string_equal(record_upload(record, 0), upload);
    assert_string_equal(record_protocol(record), "ietf");
    assert_memory_equal(record_identity(record), &identity, sizeof(identity));
    assert_int_equal(record_forget(record), 0);
    assert_null(record_upload(record, 0));
    record_close(record);

    record = open_record(path);
    assert_null(record_upload(record, 0));
    record_close(record);
}

static void remembers_downloads_too(void **state)
{
    static const char target[] = "below/100% \xFF.mp4";
    static const struct birth birth = { .inode = 7, .born_ns = 1234567890123456789 };

    (void)state;
    struct record *record = open_record(path);
    assert_int_equal(record_save_download(record, target, "\"1\"", &birth), 0);
    record_close(record);
    record = open_record(path);
    assert_null(record_upload(record, 0));
    assert_string_equal(record_target(record), target);
    assert_string_equal(record_etag(record), "\"1\"");
    assert_memory_equal(record_birth(record), &birth, sizeof(birth));

    assert_int_equal(record_save_download(record, target, NULL, &birth), 0);
    record_close(record);
    record = open_record(path);
    assert_string_equal(record_target(record), target);
    assert_null(record_etag(record));
    assert_int_equal(record_forget(record), 0);
    assert_null(record_target(record));
    record_close(record);
}

static void parts_have_places_of_their_own(void **state)
{
    char key[RECORD_JOIN_KEY_BYTES];

    (void)state;
    struct record *record = open_record(path);
    assert_int_equal(record_begin(record, "tus", &identity, 3), 0);
    assert_int_equal(record_save(record, 2, upload), 0);
    assert_int_equal(record_save(record, 1, "http://h/one"), 0);
    assert_int_equal(record_drop(record, 1), 0);
    (void)snprintf(key, sizeof(key), "%s", record_join_key(record));
    assert_int_equal(strlen(key), RECORD_JOIN_KEY_BYTES - 1);
    record_close(record);

    record = open_record(path);
    assert_true(record_begun(record));
    assert_int_equal(record_part_count(record), 3);
    assert_null(record_upload(record, 0));
    assert_null(record_upload(record, 1));
    assert_string_equal(record_upload(record, 2), upload);
    assert_null(record_upload(record, 3));
    assert_string_equal(record_join_key(record), key);

    assert_int_equal(record_renew_join_key(record), 0);
    assert_string_not_equal(record_join_key(record), key);
    assert_int_equal(record_forget(record), 0);
    assert_false(record_begun(record));
    assert_int_equal(record_part_count(record), 0);
    record_close(record);
    assert_int_equal(count_files(), 0);
}

static void files_and_endpoints_have_records_of_their_own(void **state)
{
    struct record *other = NULL;

    (void)state;
    struct record *record = open_record(path);
    assert_int_equal(record_begin(record, "tus", &identity, 1), 0);
    assert_int_equal(record_save(record, 0, upload), 0);
    assert_int_equal(record_open(path, "http://other/", &other), 0);
    assert_null(record_upload(other, 0));
    record_close(other);
    other = open_record("/videos/other.mp4");
    assert_null(record_upload(other, 0));
    record_close(other);
    assert_int_equal(record_forget(record), 0);
    record_close(record);
}

static void one_at_a_time(void **state)
{
    struct record *second = NULL;

    (void)state;
    struct record *record = open_record(path);
    assert_int_equal(record_open(path, endpoint, &second), RECORD_BUSY);
    assert_null(second);
    record_close(record);
    record_close(open_record(path));
}

/* Many processes open, look, count and close: the lock holds although its file comes and goes. */
static void the_lock_holds_while_its_file_comes_and_goes(void **state)
{
    char name[64];

    (void)state;
    (void)snprintf(name, sizeof(name), "%s/inside", folder);
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            int wrong = 0;
            for (int round = 0; round < 300; round++) {
                struct record *record = NULL;
                if (record_open(path, endpoint, &record) != 0)
                    continue;
                int fd = open(name, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                wrong += fd < 0;
                (void)close(fd);
                (void)unlink(name);
                record_close(record);
            }
            _exit(wrong);
        }
    for (int i = 0; i < 4; i++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL || setenv("XDG_STATE_HOME", folder, 1) != 0;
}

static int remove_folder(void **state)
{
    char name[64];

    (void)state;
    (void)snprintf(name, sizeof(name), "%s/ferry", folder);
    return rmdir(name) != 0 || rmdir(folder) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_nothing_at_first_and_leaves_nothing),
        cmocka_unit_test(remembers_until_it_is_told_to_forget),
        cmocka_unit_test(remembers_downloads_too),
        cmocka_unit_test(parts_have_places_of_their_own),
        cmocka_unit_test(files_and_endpoints_have_records_of_their_own),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(the_lock_holds_while_its_file_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
