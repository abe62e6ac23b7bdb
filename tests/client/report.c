#include "tools/ferry/report.h"

#include "tests/check.h"

/* A whole of 100 bytes that says nothing, with two parts. */
struct fixture {
    struct report whole, parts[2];
};

static void begin(struct fixture *fixture, bool resumes)
{
    report_start(&fixture->whole, false, true);
    report_begin(&fixture->whole, "file", "file");
    report_length(&fixture->whole, 100);
    for (size_t i = 0; i < 2; i++)
        report_part(&fixture->parts[i], &fixture->whole, resumes);
}

static void the_bytes_of_parts_are_those_of_the_whole(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture, false);
    report_created(&fixture.parts[0], "http://h/0");
    report_created(&fixture.parts[1], "http://h/1");
    report_moved(&fixture.parts[0], 30);
    report_moved(&fixture.parts[1], 20);
    assert_int_equal(fixture.whole.progress.offset, 50);
    report_moved(&fixture.parts[0], 10); /* it was lost on the way */
    assert_int_equal(fixture.whole.progress.offset, 30);
    assert_null(fixture.whole.upload);
    assert_int_equal(fixture.whole.began_offset, 0);
}

static void what_was_there_is_no_speed(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture, true);
    report_resumed(&fixture.parts[0], "http://h/0", 40);
    report_moved(&fixture.parts[0], 45);
    assert_int_equal(fixture.whole.resuming_count, 1);
    report_created(&fixture.parts[1], "http://h/1"); /* it was gone */
    assert_int_equal(fixture.whole.resuming_count, 0);
    assert_int_equal(fixture.whole.began_offset, 40);
    assert_int_equal(fixture.whole.progress.offset, 45);
    assert_int_equal(fixture.whole.progress.measured_offset, 40);
}

static void a_part_that_begins_anew_gives_back_what_it_had(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture, false);
    report_created(&fixture.parts[0], "http://h/0");
    report_created(&fixture.parts[1], "http://h/1");
    report_moved(&fixture.parts[0], 30);
    report_moved(&fixture.parts[1], 20);
    report_created(&fixture.parts[0], "http://h/2");
    assert_int_equal(fixture.whole.progress.offset, 20);
    report_moved(&fixture.parts[0], 5);
    assert_int_equal(fixture.whole.progress.offset, 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_parts_are_those_of_the_whole),
        cmocka_unit_test(what_was_there_is_no_speed),
        cmocka_unit_test(a_part_that_begins_anew_gives_back_what_it_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
