#include "tools/ferry/table.h"

#include <stdio.h>
#include <string.h>

#include "tests/check.h"
#include "tools/ferry/text.h"

static const char *const told =
    "{\"id\":\"34923c632fdccd2cc65cbc9f3721c28a\",\"state\":\"receiving\",\"writing\":true,"
    "\"offset\":47185920,\"length\":112197632,\"created\":\"2026-11-28T12:00:00Z\","
    "\"last_byte\":\"2026-11-28T12:02:00Z\",\"expires\":\"2026-12-05T12:02:00Z\","
    "\"metadata\":{\"filename\":\"holiday.mp4\"}}";
static const int64_t told_at_s = 1795867380; /* 2026-11-28T12:03:00Z */

static struct entry entry_of(const char *text)
{
    struct entry entry;
    json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL);

    assert_non_null(object);
    assert_true(entry_read(object, &entry));
    json_decref(object);
    return entry;
}

static void an_upload_is_a_line(void **state)
{
    struct entry entry = entry_of(told);
    char header[TABLE_LINE_BYTES];
    char line[TABLE_LINE_BYTES];
    struct table table;

    (void)state;
    table_lay_out(&entry, 1, true, SIZE_MAX, &table);
    table_format_header(&table, header);
    table_format_entry(&table, &entry, 1024, told_at_s, line);
    assert_string_equal(header,
                        "NAME         STATE        DONE        SIZE          RATE    AGE   IDLE  "
                        "EXPIRES  ID");
    assert_string_equal(line,
                        "holiday.mp4  active        42%   107.0 MiB     1.0 KiB/s     3m    60s  "
                        "     6d  34923c632fdccd2cc65cbc9f3721c28a");
}

static void what_is_not_known_is_a_dash(void **state)
{
    struct entry entry = entry_of(
        "{\"id\":\"a\",\"state\":\"receiving\",\"writing\":false,\"offset\":5,"
        "\"length\":null,\"created\":\"yesterday\",\"last_byte\":null,"
        "\"expires\":null,\"metadata\":{}}");
    char line[TABLE_LINE_BYTES];
    struct table table;

    (void)state;
    table_lay_out(&entry, 1, false, SIZE_MAX, &table);
    table_format_entry(&table, &entry, -1, told_at_s, line);
    assert_string_equal(line, "a     stalled         -         5 B      -      -        -  a");
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    struct entry entries[2] = { entry_of(told), entry_of(told) };
    char line[TABLE_LINE_BYTES];
    struct table table;

    (void)state;
    (void)snprintf(
        entries[1].name, ENTRY_NAME_BYTES,
        "a name of a file that is longer than there is room for on any terminal at all, .mp4");
    for (size_t columns = 20; columns < 300; columns++)
        for (int rates = 0; rates < 2; rates++) {
            table_lay_out(entries, 2, rates == 1, columns, &table);
            table_format_header(&table, line);
            assert_true(text_columns(line) <= columns);
            table_format_entry(&table, &entries[1], 1e6, told_at_s, line);
            assert_true(text_columns(line) <= columns);
        }
}

static void at_80_columns_an_id_is_whole_and_says_what_matters(void **state)
{
    struct entry entry = entry_of(told);
    char header[TABLE_LINE_BYTES];
    char line[TABLE_LINE_BYTES];
    struct table table;

    (void)state;
    (void)snprintf(entry.name, ENTRY_NAME_BYTES, "%s", entry.id);
    table_lay_out(&entry, 1, false, 80, &table);
    table_format_header(&table, header);
    table_format_entry(&table, &entry, -1, told_at_s, line);
    assert_non_null(strstr(line, entry.id));
    assert_non_null(strstr(header, "STATE"));
    assert_non_null(strstr(header, "DONE"));
    assert_non_null(strstr(header, "SIZE"));
    assert_non_null(strstr(header, "AGE"));
    assert_non_null(strstr(header, "EXPIRES"));
}

static void what_a_client_said_is_clean(void **state)
{
    struct entry entry = entry_of(
        "{\"id\":\"a\\u001b[2J\",\"state\":\"x\\n\",\"offset\":5,"
        "\"metadata\":{\"filename\":\"\\u001b]0;x\\u0007\\u0000y\"}}");

    (void)state;
    assert_string_equal(entry.id, "a?[2J");
    assert_string_equal(entry.state, "x?");
    assert_string_equal(entry.name, "?]0;x?");
}

static void what_is_no_upload_is_refused(void **state)
{
    static const char *const cases[] = { "{}",
                                         "[]",
                                         "1",
                                         "{\"id\":\"a\",\"state\":\"x\"}",
                                         "{\"id\":1,\"state\":\"x\",\"offset\":1}",
                                         "{\"id\":\"a\",\"offset\":1}",
                                         "{\"id\":\"a\",\"state\":\"x\",\"offset\":-1}",
                                         "{\"id\":\"a\",\"state\":\"x\",\"offset\":\"1\"}" };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct entry entry;
        json_t *object = json_loads(cases[i], JSON_DECODE_ANY, NULL);
        assert_non_null(object);
        assert_false(entry_read(object, &entry));
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_is_a_line),
        cmocka_unit_test(what_is_not_known_is_a_dash),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(at_80_columns_an_id_is_whole_and_says_what_matters),
        cmocka_unit_test(what_a_client_said_is_clean),
        cmocka_unit_test(what_is_no_upload_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
