#include "tools/ferry/event_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

enum {
    HEARD_BYTES = 4096
};

/* Events as "name:data;" one behind the other. */
struct heard {
    char text[HEARD_BYTES];
    size_t count, most; /* most: then it says that it is enough; 0: never */
};

static bool hear(void *context, const struct event *event)
{
    struct heard *heard = context;
    size_t used = strlen(heard->text);

    (void)snprintf(heard->text + used, sizeof(heard->text) - used, "%s:%.*s;", event->name,
                   BYTES_ARGUMENT(event->data));
    return ++heard->count != heard->most;
}

/* In pieces of so many bytes. */
static bool take(struct event_stream *stream, const char *text, size_t piece, struct heard *heard)
{
    struct bytes left = bytes_of_text(text);

    while (left.count > 0) {
        size_t count = left.count < piece ? left.count : piece;
        if (!event_stream_take(stream, bytes_of(left.data, count), hear, heard))
            return false;
        left = bytes_after(left, count);
    }
    return true;
}

static void reads_events_however_they_are_cut(void **state)
{
    static const struct {
        const char *text, *events, *id;
    } cases[] = {
        { "event: progress\ndata: {\"offset\":1}\n\n", "progress:{\"offset\":1};", "" },
        { "event:progress\r\ndata:x\r\n\r\n", "progress:x;", "" },
        { "event: a\rdata: b\r\r", "a:b;", "" },
        { "data: x\n\ndata: y\n\n", "message:x;message:y;", "" },
        { "data: x\ndata: y\ndata\n\n", "message:x\ny\n;", "" },
        { "data:  two blanks\n\n", "message: two blanks;", "" },
        { ": heartbeat\n\n: another\n\n", "", "" },
        { "event: lost\n\ndata: x\n\n", "message:x;", "" },
        { "id: 5f-1\ndata: x\n\nid: 5f-2\n\n", "message:x;", "5f-2" },
        { "id: 5f-1\ndata: x\n\nid\ndata: y\n\n", "message:x;message:y;", "" },
        { "\xEF\xBB\xBF"
          "data: x\n\n",
          "message:x;", "" },
        { "other: z\ndata: x\n\n", "message:x;", "" },
        { "data: unfinished\n", "", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t piece = 1; piece < 64; piece += 3) {
            struct event_stream stream = { 0 };
            struct heard heard = { 0 };
            assert_true(take(&stream, cases[i].text, piece, &heard));
            assert_string_equal(heard.text, cases[i].events);
            assert_string_equal(stream.id, cases[i].id);
            event_stream_done(&stream);
        }
}

static void knows_when_to_try_again(void **state)
{
    struct event_stream stream = { 0 };
    struct heard heard = { 0 };

    (void)state;
    assert_true(
        take(&stream, "retry: 2500\n\nretry: 1s\nretry: -1\nretry: 99999999999\n\n", 7, &heard));
    assert_int_equal(stream.retry_ms, 2500);
    event_stream_done(&stream);
}

static void forgets_half_an_event_with_its_connection_but_not_the_id(void **state)
{
    struct event_stream stream = { 0 };
    struct heard heard = { 0 };

    (void)state;
    assert_true(take(&stream, "id: 7\ndata: x\n\nevent: half\ndata: of i", 5, &heard));
    event_stream_restart(&stream);
    assert_true(take(&stream, "data: y\n\n", 5, &heard));
    assert_string_equal(heard.text, "message:x;message:y;");
    assert_string_equal(stream.id, "7");
    event_stream_done(&stream);
}

static void ends_when_it_is_enough(void **state)
{
    struct event_stream stream = { 0 };
    struct heard heard = { .most = 1 };

    (void)state;
    assert_false(take(&stream, "data: x\n\ndata: y\n\n", 64, &heard));
    assert_string_equal(heard.text, "message:x;");
    event_stream_done(&stream);
}

static void refuses_what_never_ends(void **state)
{
    char lines[] = "data: 0123456789012345678901234567890123456789\n";
    struct event_stream stream = { 0 };
    struct heard heard = { 0 };
    size_t taken = 0;

    (void)state;
    while (take(&stream, "0123456789", 64, &heard))
        assert_true((taken += 10) <= EVENT_LINE_BYTES_MAX);
    event_stream_restart(&stream);
    for (taken = 0; take(&stream, lines, 64, &heard); taken += 10)
        assert_true(taken <= EVENT_LINE_BYTES_MAX);
    assert_int_equal(heard.count, 0);
    event_stream_done(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_events_however_they_are_cut),
        cmocka_unit_test(knows_when_to_try_again),
        cmocka_unit_test(forgets_half_an_event_with_its_connection_but_not_the_id),
        cmocka_unit_test(ends_when_it_is_enough),
        cmocka_unit_test(refuses_what_never_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
