#pragma once

/*
 * A store in a directory of its own
 *
 * Tests turn its clock and its janitor themselves (store_options.manual), on a small log, so that
 * they neither sleep nor wait.
 *
 * Calling sequence:  fixture_open  ... store ...  fixture_reopen  ...  fixture_close
 */

#include <stdint.h>

#include "storage/blocking.h"
#include "storage/store.h"
#include "tests/check.h"

struct fixture {
    char directory[64];
    struct store_options options;
    struct store *store;
};

/* For cmocka_unit_test_setup_teardown: *state is a struct fixture. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

struct fixture fixture_new(void); /* a directory, and no store yet */
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
void fixture_reopen(struct fixture *fixture);
void fixture_remove(struct fixture *fixture); /* the directory, too */

/* An upload that was created with this length; UINT64_MAX: not known. */
struct upload_id fixture_create(struct fixture *fixture, uint64_t length);

/* Opened by a writer that waits a minute of the test's clock and is not told of its end. */
struct upload *fixture_writer(struct fixture *fixture, const struct upload_id *id);

/* Found, without its metadata. */
struct upload_info fixture_find(struct fixture *fixture, const struct upload_id *id);

/* "DIRECTORY/files/xx/id", in memory that lasts until the next call. */
const char *fixture_path(struct fixture *fixture, const struct upload_id *id);

/* The byte of every test upload at this offset: wrong offsets give wrong bytes. */
static inline uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

/* Appends count bytes of the pattern, beginning where the upload ends: in pieces that are written as they come. */
int append_pattern(struct upload *upload, size_t count);

/* The same in pieces as a socket gives them, which are gathered; a smaller one at the end ends that. */
enum {
    FLOWING_BYTES = 64 * 1024
};
int append_flowing(struct upload *upload, size_t count);

/* The file holds the pattern, and exactly size bytes of it. */
void assert_pattern(const char *path, uint64_t size);
