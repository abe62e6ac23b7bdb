#include "tools/ferry/progress.h"

#include <string.h>

#include "tests/check.h"
#include "tools/ferry/text.h"

static const struct progress video = {
    .name = "video.mp4",
    .offset = 47513600,
    .length = 112197632,
    .length_known = true,
    .bytes_per_s = 5452595,
};

static void tells_all_where_there_is_room(void **state)
{
    char line[PROGRESS_LINE_BYTES];

    (void)state;
    progress_format(&video, 99, line);
    assert_string_equal(line,
                        "video.mp4   42% [=================>                       ]"
                        "  45.3 MiB of 107.0 MiB  5.2 MiB/s  0:11");
}

static void leaves_out_more_the_narrower_it_is(void **state)
{
    static const struct {
        size_t columns;
        const char *line;
    } cases[] = {
        { 79, "video.mp4   42% [========>            ]  45.3 MiB of 107.0 MiB  5.2 MiB/s  0:11" },
        { 64, "video.mp4   42%  45.3 MiB of 107.0 MiB  5.2 MiB/s  0:11" },
        { 50, " 42%  45.3 MiB of 107.0 MiB  5.2 MiB/s  0:11" },
        { 40, "video.mp4   42%  5.2 MiB/s  0:11" },
        { 21, " 42%  5.2 MiB/s  0:11" },
        { 10, " 42%  0:11" },
        { 4, " 42%" },
        { 3, "" },
        { 0, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[PROGRESS_LINE_BYTES];
        progress_format(&video, cases[i].columns, line);
        assert_true(strlen(line) <= cases[i].columns);
        assert_string_equal(line, cases[i].line);
    }
}

static void fits_any_width(void **state)
{
    struct progress progress = video;
    char line[PROGRESS_LINE_BYTES];
    char name[900];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    progress.name = name;
    for (size_t columns = 0; columns < 2000; columns++) {
        progress.offset = columns * 56000;
        progress_format(&progress, columns, line);
        assert_true(text_columns(line) <= columns);
        progress.length_known = columns % 2 == 0;
    }
}

static void shortens_a_long_name(void **state)
{
    struct progress progress = video;
    char line[PROGRESS_LINE_BYTES];

    (void)state;
    progress.name = "a very long name of a video that nobody will read to its end.mp4";
    progress_format(&progress, 79, line);
    assert_true(strncmp(line, "a very lo", 9) == 0);
    assert_non_null(strstr(line, "...   42%"));
}

static void an_unknown_length_has_no_percent_and_no_end(void **state)
{
    struct progress progress = video;
    char line[PROGRESS_LINE_BYTES];

    (void)state;
    progress.length_known = false;
    progress_format(&progress, 79, line);
    assert_string_equal(line, "video.mp4    45.3 MiB  5.2 MiB/s");
}

static void is_100_percent_only_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(progress_percent(0, 0), 100);
    assert_int_equal(progress_percent(0, 1), 0);
    assert_int_equal(progress_percent(999, 1000), 99);
    assert_int_equal(progress_percent(INT64_MAX - 1, INT64_MAX), 99);
    assert_int_equal(progress_percent(1000, 1000), 100);
}

static void writes_times(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {
        { 0, "0:00" },          { 7, "0:07" },     { 765, "12:45" },       { 11400, "3:10:00" },
        { 172799, "47:59:59" }, { 345600, "4 d" }, { UINT64_MAX, "long" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[PROGRESS_TIME_BYTES];
        progress_format_time(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void measures_the_rate_of_late(void **state)
{
    struct progress progress = { .length = 1 << 30, .length_known = true };
    uint64_t now_ms = 5000;

    (void)state;
    progress_restart(&progress, now_ms, 1 << 20); /* resumed: the first MiB is no speed */
    for (int i = 0; i < 10; i++)
        progress_update(&progress, now_ms += 250, progress.offset + 1000);
    assert_true(progress.bytes_per_s > 3999 && progress.bytes_per_s < 4001);

    for (int i = 0; i < 100; i++)
        progress_update(&progress, now_ms += 250, progress.offset + 10000);
    assert_true(progress.bytes_per_s > 39000 && progress.bytes_per_s < 40001);

    progress_update(&progress, now_ms + 1000, 0); /* back: no negative speed */
    assert_true(progress.bytes_per_s > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_all_where_there_is_room),
        cmocka_unit_test(leaves_out_more_the_narrower_it_is),
        cmocka_unit_test(fits_any_width),
        cmocka_unit_test(shortens_a_long_name),
        cmocka_unit_test(an_unknown_length_has_no_percent_and_no_end),
        cmocka_unit_test(is_100_percent_only_at_the_end),
        cmocka_unit_test(writes_times),
        cmocka_unit_test(measures_the_rate_of_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
