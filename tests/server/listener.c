#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/base/stderr.h"

struct place {
    char folder[64], where[96], other[96];
    struct listener listener;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/ferry-listener-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->where, sizeof(place->where), "unix:%s/socket", place->folder);
    (void)snprintf(place->other, sizeof(place->other), "%s/other", place->folder);
    assert_int_equal(listener_open(place->where, &place->listener), 0);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    listener_close(&place->listener);
    (void)unlink(place->other);
    assert_int_equal(rmdir(place->folder), 0); /* and nothing else was left */
    free(place);
    return 0;
}

/* To whom it belongs already, which anybody may. */
static int give_quietly(const struct place *place)
{
    char said[512];

    struct stderr_capture capture = stderr_capture();
    int r = listeners_give(&place->listener, 1, geteuid(), getegid());
    (void)stderr_captured(capture, said, sizeof(said));
    assert_true((r == 0) == (said[0] == '\0'));
    return r;
}

static void gives_its_own_file(void **state)
{
    struct place *place = *state;
    struct listener both[] = { { .open = true }, place->listener }; /* the first has no file */

    assert_int_equal(listeners_give(both, 2, geteuid(), getegid()), 0);
    assert_int_equal(give_quietly(place), 0);
}

static void gives_no_file_that_has_come_in_its_place(void **state)
{
    struct place *place = *state;

    assert_int_equal(unlink(place->listener.file), 0);
    int fd = open(place->listener.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(give_quietly(place), -EPERM);
}

/* Not even to a socket. */
static void gives_nothing_through_a_link(void **state)
{
    struct place *place = *state;

    assert_int_equal(rename(place->listener.file, place->other), 0);
    assert_int_equal(symlink(place->other, place->listener.file), 0);
    assert_int_equal(give_quietly(place), -EPERM);
}

/* Another socket that was made by the same user, by a second name. */
static void gives_nothing_with_two_names(void **state)
{
    struct place *place = *state;

    assert_int_equal(link(place->listener.file, place->other), 0);
    assert_int_equal(give_quietly(place), -EPERM);
}

static void gives_nothing_where_it_is_gone(void **state)
{
    struct place *place = *state;

    assert_int_equal(unlink(place->listener.file), 0);
    assert_int_equal(give_quietly(place), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_its_own_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_no_file_that_has_come_in_its_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(gives_nothing_through_a_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_nothing_with_two_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_nothing_where_it_is_gone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
