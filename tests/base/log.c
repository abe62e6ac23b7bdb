#define LOG_MODULE "test"
#include "base/log.h"

#include <stdio.h>
#include <sys/wait.h>

#include "tests/base/stderr.h"

static void writes_one_line_per_event(void **state)
{
    char text[512];

    (void)state;
    struct stderr_capture capture = stderr_capture();
    log_info("appended offset=%d", 5);
    log_debug("left out: the level is info");
    log_warning("a\nb\x1b[31m");
    (void)stderr_captured(capture, text, sizeof(text));

    assert_string_equal(text, "<6>test: appended offset=5\n<4>test: a?b?[31m\n");
}

static void cuts_a_long_line(void **state)
{
    static char text[2 * LOG_LINE_BYTES];

    (void)state;
    struct stderr_capture capture = stderr_capture();
    log_error("%*s", 2 * LOG_LINE_BYTES, "x");
    size_t count = stderr_captured(capture, text, sizeof(text));

    assert_int_equal(count, LOG_LINE_BYTES);
    assert_int_equal(text[count - 1], '\n');
}

static void keeps_the_order_and_writes_all_before_it_stops(void **state)
{
    enum {
        LINES = 1000
    };
    static char text[LINES * 32], expected[LINES * 32];
    size_t count = 0;

    (void)state;
    struct stderr_capture capture = stderr_capture();
    assert_int_equal(log_start(), 0);
    for (int i = 0; i < LINES; i++) {
        log_info("line %d", i);
        count +=
            (size_t)snprintf(expected + count, sizeof(expected) - count, "<6>test: line %d\n", i);
    }
    log_stop();
    (void)stderr_captured(capture, text, sizeof(text));
    assert_string_equal(text, expected);
}

/* A pipe that nobody reads holds 64 KiB: every caller must get on all the same. */
static void never_waits_for_standard_error(void **state)
{
    enum {
        LINES = 20000
    };
    static char text[LINES * 64];

    (void)state;
    struct stderr_capture capture = stderr_capture();
    assert_int_equal(log_start(), 0);
    for (int i = 0; i < LINES; i++)
        log_info("a line that nobody reads for a long while number=%d", i);

    /* Only now somebody reads: the writing thread goes on and can be stopped. */
    pid_t reader = fork();
    assert_true(reader >= 0);
    if (reader == 0) {
        (void)dup2(capture.saved, STDERR_FILENO);
        size_t count = 0;
        ssize_t got;
        while ((got = read(capture.pipe, text + count, sizeof(text) - count - 1)) > 0)
            count += (size_t)got;
        _exit(strstr(text, "lines_left_out=") ? 0 : 1);
    }
    log_stop();

    int status;
    (void)stderr_captured(capture, text, 1);
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_one_line_per_event),
        cmocka_unit_test(cuts_a_long_line),
        cmocka_unit_test(keeps_the_order_and_writes_all_before_it_stops),
        cmocka_unit_test(never_waits_for_standard_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
