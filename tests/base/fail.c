#define LOG_MODULE "test"
#include "base/fail.h"

#include <stdlib.h>
#include <sys/wait.h>

#include "tests/base/stderr.h"

static void logs_once_and_yields_the_negative_number(void **state)
{
    char text[256];

    (void)state;
    struct stderr_capture capture = stderr_capture();
    errno = ENOSPC;
    int r = fail_errno("write upload %s", "4f0c");
    int s = fail_code(EIO, "sync");
    (void)stderr_captured(capture, text, sizeof(text));

    assert_int_equal(r, -ENOSPC);
    assert_int_equal(s, -EIO);
    assert_string_equal(text,
                        "<3>test: write upload 4f0c: No space left on device\n"
                        "<3>test: sync: Input/output error\n");
}

static void a_fatal_failure_says_so_and_ends_with_status_1(void **state)
{
    char text[256];
    int status;

    (void)state;
    struct stderr_capture capture = stderr_capture();
    pid_t child = fork();
    if (child == 0) {
        (void)log_start();
        fail_fatal("sync of %s failed", "ferry.db");
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)stderr_captured(capture, text, sizeof(text));

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_string_equal(text, "<3>test: sync of ferry.db failed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_once_and_yields_the_negative_number),
        cmocka_unit_test(a_fatal_failure_says_so_and_ends_with_status_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
