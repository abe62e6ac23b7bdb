#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tests/check.h"

static int open_null(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void closes_at_the_end_of_the_scope_and_keeps_errno(void **state)
{
    int number;

    (void)state;
    {
        AUTO_CLOSE int fd = open_null();
        number = fd;
        errno = EPERM;
    }
    assert_int_equal(errno, EPERM);
    assert_int_equal(fcntl(number, F_GETFD), -1);
}

static void taking_leaves_nothing_to_clean_up(void **state)
{
    int kept;
    char *text;

    (void)state;
    {
        AUTO_CLOSE int fd = open_null();
        AUTO_FREE char *copy = strdup("kept");
        kept = TAKE_FD(fd);
        text = TAKE_PTR(copy);
        assert_int_equal(fd, -1);
        assert_null(copy);
    }
    assert_true(fcntl(kept, F_GETFD) >= 0);
    assert_string_equal(text, "kept");
    assert_int_equal(close(kept), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closes_at_the_end_of_the_scope_and_keeps_errno),
        cmocka_unit_test(taking_leaves_nothing_to_clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
