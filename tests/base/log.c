#define LOG_MODULE "test"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
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

    assert_in_range(count, LOG_LINE_BYTES - 8, LOG_LINE_BYTES);
    assert_int_equal(text[count - 1], '\n');
}

static struct log_field word(const char *name, const char *text)
{
    return (struct log_field){ .name = name, .kind = LOG_FIELD_TEXT, .text = bytes_of_text(text) };
}

/* What a client chose must not look like a field, a line, or a colour. */
static void writes_values_that_cannot_pass_for_others(void **state)
{
    struct log_field fields[] = {
        word("method", "GET"),
        word("target", "/a b\n<3>x: \"y\" \\ \xc3\xa9\xff\x1b[31m"),
        { .name = "bytes", .kind = LOG_FIELD_NUMBER, .number = UINT64_MAX },
        { .name = "upload", .kind = LOG_FIELD_TEXT },
    };
    char text[512];

    (void)state;
    fields[0].bare = fields[1].bare = true;
    struct stderr_capture capture = stderr_capture();
    log_event(LOG_LEVEL_INFO, LOG_MODULE, fields, 4);
    log_event(LOG_LEVEL_DEBUG, LOG_MODULE, fields, 4);
    (void)stderr_captured(capture, text, sizeof(text));

    assert_string_equal(text,
                        "<6>test: GET /a\\x20b\\x0a<3>x:\\x20\\x22y\\x22\\x20\\x5c\\x20"
                        "\\xc3\\xa9\\xff\\x1b[31m bytes=18446744073709551615\n");
}

/* Behind the time, which is another every time. */
static const char *json_after_time(const char *text)
{
    static const char shape[] = "{\"time\":\"0000-00-00T00:00:00.000Z\"";

    assert_true(strlen(text) > strlen(shape));
    for (size_t i = 0; i < strlen(shape); i++)
        if (shape[i] == '0')
            assert_in_range(text[i], '0', '9');
        else
            assert_int_equal(text[i], shape[i]);
    return text + strlen(shape);
}

static void writes_an_object_per_line(void **state)
{
    struct log_field fields[] = {
        word("target", "/a b\n\"y\" \\ \xc3\xa9\xff\xe2\x80\xa8\x7f"),
        { .name = "bytes", .kind = LOG_FIELD_NUMBER, .number = 7 },
        { .name = "upload", .kind = LOG_FIELD_TEXT },
        { .name = "ms", .kind = LOG_FIELD_MS, .number = 31004999 },
    };
    char text[512];

    (void)state;
    log_set_format(LOG_FORMAT_JSON);
    struct stderr_capture capture = stderr_capture();
    log_event(LOG_LEVEL_INFO, LOG_MODULE, fields, 4);
    log_error("cannot \"open\"\tit");
    (void)stderr_captured(capture, text, sizeof(text));
    log_set_format(LOG_FORMAT_TEXT);

    char *second = text + strcspn(text, "\n") + 1;
    second[-1] = '\0';
    assert_string_equal(json_after_time(text),
                        ",\"level\":\"info\",\"module\":\"test\",\"target\":\"/a b\\u000a\\\"y\\\" "
                        "\\\\ \xc3\xa9\\ufffd\\u2028\\u007f\",\"bytes\":7,\"ms\":31.004}");
    assert_string_equal(json_after_time(second),
                        ",\"level\":\"error\",\"module\":\"test\","
                        "\"message\":\"cannot \\\"open\\\"\\u0009it\"}\n");
}

/* Values of every length, so that the cut falls everywhere: the object has its end all the same, and no
 * escape is cut through. */
static void keeps_an_object_whole_that_is_cut(void **state)
{
    static char value[LOG_LINE_BYTES + 1], text[2 * LOG_LINE_BYTES];
    struct log_field fields[8];

    (void)state;
    log_set_format(LOG_FORMAT_JSON);
    for (size_t length = 0; length < LOG_LINE_BYTES; length += 7) {
        memset(value, 'x', length);
        memset(value + length, '"', LOG_LINE_BYTES - length);
        for (size_t i = 0; i < 8; i++)
            fields[i] = word("value", value + length / 8 * i);
        struct stderr_capture capture = stderr_capture();
        log_event(LOG_LEVEL_INFO, LOG_MODULE, fields, 8);
        log_info("%s", value);
        size_t count = stderr_captured(capture, text, sizeof(text));

        char *end = text + strcspn(text, "\n");
        assert_in_range(end - text, 1, LOG_LINE_BYTES);
        assert_in_range(count - (size_t)(end - text), 1, LOG_LINE_BYTES + 1);
        for (char *line = text; *line != '\0'; line = end + 1) {
            end = line + strcspn(line, "\n");
            assert_true(end[-1] == '}' && (end[-2] == '"' || (end[-2] >= '0' && end[-2] <= '9')));
            size_t slashes = 0;
            while (end[-3 - (ptrdiff_t)slashes] == '\\')
                slashes++;
            assert_int_equal(slashes % 2, 0); /* the last quote is one that ends */
        }
    }
    log_set_format(LOG_FORMAT_TEXT);
}

static void knows_its_formats(void **state)
{
    enum log_format format = LOG_FORMAT_TEXT;

    (void)state;
    assert_int_equal(log_format_parse("json", &format), 0);
    assert_int_equal(format, LOG_FORMAT_JSON);
    assert_int_equal(log_format_parse("text", &format), 0);
    assert_int_equal(format, LOG_FORMAT_TEXT);
    assert_int_equal(log_format_parse("JSON", &format), -1);
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

/* Each as soon as the one before it is out: then the thread rests. And nobody asks for it. */
static void what_is_logged_while_the_thread_rests_goes_out_by_itself(void **state)
{
    char text[64];

    (void)state;
    struct stderr_capture capture = stderr_capture();
    assert_int_equal(log_start(), 0);
    for (int i = 0; i < 20; i++) {
        log_info("line %02d", i);
        ssize_t count = read(capture.pipe, text, sizeof(text) - 1);
        assert_int_equal(count, strlen("<6>test: line 00\n"));
        text[count - 1] = '\0';
        assert_int_equal(strtol(text + strlen("<6>test: line "), NULL, 10), i);
    }
    log_stop();
    assert_int_equal(stderr_captured(capture, text, sizeof(text)), 0);
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
        cmocka_unit_test(writes_values_that_cannot_pass_for_others),
        cmocka_unit_test(writes_an_object_per_line),
        cmocka_unit_test(keeps_an_object_whole_that_is_cut),
        cmocka_unit_test(knows_its_formats),
        cmocka_unit_test(keeps_the_order_and_writes_all_before_it_stops),
        cmocka_unit_test(what_is_logged_while_the_thread_rests_goes_out_by_itself),
        cmocka_unit_test(never_waits_for_standard_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
