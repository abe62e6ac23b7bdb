#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

static int open_quietly(const char *where, struct listener *ret_listener)
{
    char said[512];

    struct stderr_capture capture = stderr_capture();
    int r = listener_open_private(where, ret_listener);
    (void)stderr_captured(capture, said, sizeof(said));
    assert_true((r == 0) == (said[0] == '\0'));
    return r;
}

/* One has a place in its queue, and the next would wait for ever. */
static void does_not_wait_for_who_listens_and_does_not_accept(void **state)
{
    struct place *place = *state;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct listener second;
    int busy[2];

    assert_int_equal(listen(place->listener.fd, 0), 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->listener.file);
    for (int i = 0; i < 2; i++) {
        busy[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int r = connect(busy[i], (const struct sockaddr *)&address, sizeof(address));
        assert_true(i == 0 ? r == 0 : r < 0 && errno == EAGAIN);
    }
    assert_int_equal(open_quietly(place->where, &second), -EADDRINUSE);
    assert_int_equal(access(place->listener.file, F_OK), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(close(busy[i]), 0);
}

static void takes_the_place_of_one_that_was_left(void **state)
{
    struct place *place = *state;
    struct listener second;
    struct stat about;

    assert_int_equal(close(place->listener.fd), 0);
    mode_t before = umask(0);
    assert_int_equal(open_quietly(place->where, &second), 0);
    assert_int_equal(umask(before), 0);
    assert_int_equal(stat(second.file, &about), 0);
    assert_int_equal(about.st_mode, S_IFSOCK | 0600);
    listener_close(&second);
    assert_int_equal(access(place->listener.file, F_OK), -1);
    place->listener.fd = dup(STDERR_FILENO);
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
        cmocka_unit_test_setup_teardown(does_not_wait_for_who_listens_and_does_not_accept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(takes_the_place_of_one_that_was_left, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
