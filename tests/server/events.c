/*
 * Events and their audience, with the tests' own time and sockets
 */
#include "server/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/refusal.h"
#include "server/audience.h"
#include "tests/check.h"

enum {
    HISTORY = 64,
    UPLOADS = 8,
};

static uint64_t now_ms;

static struct events *events_of(const char *url_base)
{
    struct events_options options = { .url_base = url_base,
                                      .history = HISTORY,
                                      .uploads = UPLOADS };
    struct events *events = NULL;

    now_ms = 100000;
    assert_int_equal(events_new(&options, &events), 0);
    return events;
}

static int set_up(void **state)
{
    *state = events_of("/files/");
    return 0;
}

static int tear_down(void **state)
{
    events_free(*state);
    return 0;
}

static struct upload_id id_of(uint8_t number)
{
    struct upload_id id = { .bytes = { number } };
    return id;
}

static void observe_in(struct events *events, enum observed what, uint8_t number, uint64_t offset,
                       enum upload_state state)
{
    struct observation observation = {
        .what = what,
        .id = id_of(number),
        .state = state,
        .length_known = true,
        .length = 100,
        .offset = offset,
    };
    events_observe(events, &observation);
}

static void observe(struct events *events, enum observed what, uint8_t number, uint64_t offset)
{
    observe_in(events, what, number, offset, UPLOAD_RECEIVING);
}

static void tick(struct events *events)
{
    now_ms += EVENTS_TICK_MS;
    events_tick(events, now_ms, 1000000000);
}

/* "created 0 progress 5": all that came behind a number. */
static const char *told(struct events *events, uint64_t after)
{
    static char line[4096];
    const struct event *event;

    line[0] = '\0';
    while ((event = events_at(events, ++after)) != NULL) {
        struct bytes text = events_text(events, event);
        char kind[32] = "";
        assert_int_equal(sscanf((const char *)text.data, "id: %*s\nevent: %31s\n", kind), 1);
        size_t used = strlen(line);
        (void)snprintf(line + used, sizeof(line) - used, "%s%s %" PRIu64, used > 0 ? ", " : "",
                       kind, event->upload.offset);
    }
    return line;
}

/* ---- events ---- */

static void many_commits_are_one_progress(void **state)
{
    struct events *events = *state;

    observe(events, OBSERVED_CREATION, 1, 0);
    tick(events);
    for (uint64_t offset = 1; offset <= 50; offset++)
        observe(events, OBSERVED_PROGRESS, 1, offset);
    tick(events);
    tick(events);
    assert_string_equal(told(events, 0), "created 0, progress 50");
}

static void what_belongs_to_one_tick_is_told_in_its_order(void **state)
{
    struct events *events = *state;

    observe(events, OBSERVED_CREATION, 1, 0);
    observe(events, OBSERVED_PROGRESS, 1, 40);
    observe_in(events, OBSERVED_STATE, 1, 100, UPLOAD_COMPLETE);
    observe_in(events, OBSERVED_DELETION, 1, 100, UPLOAD_DELETED);
    tick(events);
    observe(events, OBSERVED_CREATION, 2, 0);
    observe(events, OBSERVED_PROGRESS, 2, 40);
    tick(events);
    assert_string_equal(told(events, 0),
                        "created 100, complete 100, deleted 100, created 40, progress 40");
}

static void every_end_has_its_name(void **state)
{
    struct events *events = *state;

    observe_in(events, OBSERVED_STATE, 1, 1, UPLOAD_DAMAGED);
    observe_in(events, OBSERVED_STATE, 2, 2, UPLOAD_INVALIDATED);
    observe_in(events, OBSERVED_EXPIRY, 3, 3, UPLOAD_DELETED);
    observe_in(events, OBSERVED_STATE, 4, 4, UPLOAD_VERIFYING);
    tick(events);
    assert_string_equal(told(events, 0), "damaged 1, invalidated 2, expired 3, progress 4");
    now_ms += STALLED_MS;
    tick(events);
    assert_string_equal(told(events, 4), ""); /* that it is verified for long does not stall it */
}

static void who_gets_no_bytes_is_stalled_until_they_come(void **state)
{
    struct events *events = *state;
    struct upload_id id = id_of(1);

    observe(events, OBSERVED_CREATION, 1, 0);
    tick(events);
    assert_true(events_has_active(events, &id));
    now_ms += STALLED_MS - EVENTS_TICK_MS - 1;
    tick(events);
    assert_string_equal(told(events, 1), "");
    now_ms += 1 - EVENTS_TICK_MS;
    tick(events);
    assert_string_equal(told(events, 1), "stalled 0");
    assert_false(events_has_active(events, &id));
    now_ms += STALLED_MS;
    tick(events);
    observe(events, OBSERVED_ARRIVAL, 1, 0);
    tick(events);
    observe(events, OBSERVED_PROGRESS, 1, 9);
    tick(events);
    assert_string_equal(told(events, 2), "resumed 0, progress 9");
}

static void bytes_that_do_not_count_yet_are_no_progress_and_no_stall(void **state)
{
    struct events *events = *state;

    observe(events, OBSERVED_CREATION, 1, 0);
    for (unsigned i = 0; i < 10; i++) {
        observe(events, OBSERVED_ARRIVAL, 1, 0);
        tick(events);
        now_ms += 5900 - EVENTS_TICK_MS;
        tick(events); /* they came before five seconds were over, and are told of late */
    }
    assert_string_equal(told(events, 0), "created 0");
}

/* Of two threads the one with the older news may be the later. */
static void old_news_of_an_upload_do_not_take_its_offset_back(void **state)
{
    struct events *events = *state;

    observe(events, OBSERVED_CREATION, 1, 0);
    tick(events);
    observe(events, OBSERVED_PROGRESS, 1, 50);
    observe(events, OBSERVED_ARRIVAL, 1, 20);
    tick(events);
    observe(events, OBSERVED_ARRIVAL, 1, 20);
    tick(events);
    now_ms += STALLED_MS;
    tick(events);
    assert_string_equal(told(events, 1), "progress 50, stalled 50");
}

static void what_does_not_fit_is_a_reset(void **state)
{
    struct events *events = *state;

    for (uint8_t number = 1; number <= UPLOADS + 1; number++)
        observe_in(events, OBSERVED_STATE, number, 0, UPLOAD_COMPLETE);
    tick(events);
    const struct event *last = events_at(events, events_last(events));
    assert_int_equal(events_last(events), UPLOADS + 1);
    assert_int_equal(last->kind, EVENT_RESET);
    assert_non_null(strstr((const char *)events_text(events, last).data,
                           "\nevent: reset\ndata: {\"time\":\"2001-09-09T01:46:40Z\"}\n\n"));
    observe(events, OBSERVED_CREATION, 1, 0); /* there is room again */
    tick(events);
    assert_string_equal(told(events, UPLOADS + 1), "created 0");
}

/* "EPOCH-NUMBER" of a number, by an event's own text */
static struct bytes event_id(struct events *events, uint64_t number, char room[64])
{
    char *text = events_format(events, number, EVENT_RESET, 0, NULL);

    assert_int_equal(sscanf(text, "id: %63s", room), 1);
    free(text);
    return bytes_of_text(room);
}

static void an_id_is_known_as_long_as_all_behind_it_is(void **state)
{
    struct events *events = *state;
    struct upload_id first = id_of(1), second = id_of(2);
    char room[64];
    uint64_t number = 77;

    for (unsigned i = 0; i < HISTORY; i++) {
        observe_in(events, OBSERVED_STATE, i == 0 ? 1 : 2, 0, UPLOAD_COMPLETE);
        tick(events);
    }
    assert_int_equal(events_find(events, event_id(events, 0, room), &number), PLACE_KNOWN);
    assert_int_equal(number, 0);
    assert_true(events_missed(events, 0, &first));
    assert_false(events_missed(events, 1, &first));
    assert_true(events_missed(events, 1, &second));

    observe_in(events, OBSERVED_STATE, 2, 0, UPLOAD_COMPLETE);
    tick(events);
    number = 77;
    assert_int_equal(events_find(events, event_id(events, 0, room), &number), PLACE_LOST);
    assert_int_equal(events_find(events, event_id(events, HISTORY + 2, room), &number), PLACE_LOST);
    assert_null(events_at(events, 1));
    assert_int_equal(number, 77);

    const char *strange[] = { "", "1", "-1", "0123456789abcdef-1", "0123456789abcdef", "x-" };
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
        assert_int_equal(events_find(events, bytes_of_text(strange[i]), &number), PLACE_LOST);
    event_id(events, 5, room);
    (void)strcat(room, "x");
    assert_int_equal(events_find(events, bytes_of_text(room), &number), PLACE_LOST);
}

static void another_run_has_other_ids(void **state)
{
    struct events *other = events_of("/");
    char room[64];
    uint64_t number;

    assert_int_equal(events_find(*state, event_id(other, 0, room), &number), PLACE_LOST);
    events_free(other);
}

static void a_text_is_lines_of_json_whatever_the_url_is(void **state)
{
    struct events *events = events_of("https://files.example/\"\n\\/");
    struct observation upload = { .id = id_of(0xab), .offset = 7 };

    (void)state;
    char *text = events_format(events, 3, EVENT_PROGRESS, 0, &upload);
    const char *data = strchr(strchr(text, '\n') + 1, '\n') + 1;
    assert_string_equal(
        data,
        "data: {\"id\":\"ab000000000000000000000000000000\","
        "\"url\":\"https://files.example/\\\"\\n\\\\/ab000000000000000000000000000000\","
        "\"offset\":7,\"length\":null,\"state\":\"receiving\","
        "\"time\":\"1970-01-01T00:00:00Z\"}\n\n");
    free(text);
    events_free(events);
}

/* ---- the audience ---- */

/* One who watches: his end of a pair of sockets. */
struct client {
    int socket, server_socket;
    bool over;
    uint64_t sent;
    const char *why;
};

struct hall {
    struct events *events;
    struct audience *audience;
};

static struct client clients[4];

/* In the place of the exchange, of which there is none here. */
void __wrap_stream_end(struct exchange *exchange, uint64_t sent, const char *why);
void __wrap_stream_end(struct exchange *exchange, uint64_t sent, const char *why)
{
    struct client *client = (struct client *)exchange;

    assert_false(client->over);
    client->over = true;
    client->sent = sent;
    client->why = why;
}

static int hall_set_up(void **state)
{
    struct hall *hall = calloc(1, sizeof(*hall));
    if (hall == NULL)
        return -1;

    hall->events = events_of("/files/");
    struct audience_options options = {
        .events = hall->events, .watchers_max = 3, .all_max = 1, .manual = true
    };
    assert_int_equal(audience_start(&options, &hall->audience), 0);
    audience_tick(hall->audience, now_ms, 1000000000);
    *state = hall;
    return 0;
}

static int hall_tear_down(void **state)
{
    struct hall *hall = *state;

    audience_stop(hall->audience);
    assert_int_equal(audience_counts(hall->audience).watchers, 0);
    assert_int_equal(audience_counts(hall->audience).all, 0);
    audience_free(hall->audience);
    events_free(hall->events);
    free(hall);
    return 0;
}

static int admit(struct hall *hall, const struct upload_id *id, const char *greeting,
                 struct stream **ret_stream)
{
    struct watch watch = { .id = id,
                           .after = events_last(hall->events),
                           .greeting = greeting == NULL ? NULL : strdup(greeting) };

    return audience_admit(hall->audience, &watch, ret_stream);
}

static struct client *stream_to(struct hall *hall, size_t number, struct stream *stream)
{
    struct client *client = &clients[number];
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    *client = (struct client){ .socket = pair[0], .server_socket = pair[1] };
    stream->header = strdup("HEADER ");
    stream->header_count = 7;
    stream->begin(stream, (struct exchange *)client, pair[1]);
    audience_wait(hall->audience, 0);
    return client;
}

static struct client *watch_with(struct hall *hall, size_t number, const struct upload_id *id,
                                 const char *greeting)
{
    struct stream *stream = NULL;

    assert_int_equal(admit(hall, id, greeting, &stream), 0);
    return stream_to(hall, number, stream);
}

static void leave(struct client *client)
{
    (void)close(client->socket);
    (void)close(client->server_socket);
}

static void hall_tick(struct hall *hall, uint64_t ms)
{
    now_ms += ms;
    audience_tick(hall->audience, now_ms, 1000000000);
}

/* What has come, at most what fits. */
static const char *received(struct client *client)
{
    static char text[1 << 20];
    ssize_t count = recv(client->socket, text, sizeof(text) - 1, MSG_DONTWAIT);

    text[count < 0 ? 0 : count] = '\0';
    return text;
}

static size_t times(const char *text, const char *word)
{
    size_t count = 0;

    for (; (text = strstr(text, word)) != NULL; text += strlen(word))
        count++;
    return count;
}

static void each_sees_what_is_for_it(void **state)
{
    struct hall *hall = *state;
    struct upload_id one = id_of(1), two = id_of(2);
    struct client *first = watch_with(hall, 0, &one, "GREETING\n\n");
    struct client *second = watch_with(hall, 1, &two, NULL);
    struct client *all = watch_with(hall, 2, NULL, NULL);

    assert_string_equal(received(first), "HEADER GREETING\n\n");
    assert_string_equal(received(second), "HEADER ");
    assert_string_equal(received(all), "HEADER ");
    observe(hall->events, OBSERVED_CREATION, 1, 0);
    hall_tick(hall, EVENTS_TICK_MS);
    assert_string_equal(received(first), ""); /* it would not be here otherwise */
    observe(hall->events, OBSERVED_PROGRESS, 1, 5);
    hall_tick(hall, EVENTS_TICK_MS);
    assert_int_equal(times(received(first), "event: progress"), 1);
    assert_string_equal(received(second), "");
    const char *seen = received(all);
    assert_int_equal(times(seen, "event: created"), 1);
    assert_int_equal(times(received(all), "event: "), 0);

    observe_in(hall->events, OBSERVED_STATE, 1, 100, UPLOAD_COMPLETE);
    hall_tick(hall, EVENTS_TICK_MS);
    assert_true(first->over);
    assert_string_equal(first->why, "answered");
    size_t length = strlen(received(first));
    assert_true(first->sent > length); /* the header is no content */
    assert_false(second->over);
    assert_false(all->over);
    leave(first);
    leave(second);
    leave(all);
}

/* Who is told by a greeting that the upload is at an offset, and sees events behind a number. */
static struct client *watch_from(struct hall *hall, const struct upload_id *id, uint64_t after,
                                 uint64_t offset)
{
    struct watch watch = { .id = id, .after = after, .offset = offset, .greeting = strdup("HERE") };
    struct stream *stream = NULL;

    assert_int_equal(audience_admit(hall->audience, &watch, &stream), 0);
    return stream_to(hall, 0, stream);
}

static void offsets_do_not_go_back(void **state)
{
    struct hall *hall = *state;
    struct upload_id id = id_of(1);

    observe(hall->events, OBSERVED_CREATION, 1, 0);
    events_tick(hall->events, now_ms, 0);
    uint64_t after = events_last(hall->events);
    observe(hall->events, OBSERVED_PROGRESS, 1, 50); /* looked at after this, told of before */
    struct client *client = watch_from(hall, &id, after, 60);
    hall_tick(hall, EVENTS_TICK_MS);
    assert_string_equal(received(client), "HEADER HERE");
    observe(hall->events, OBSERVED_PROGRESS, 1, 70);
    hall_tick(hall, EVENTS_TICK_MS);
    assert_int_equal(times(received(client), "\"offset\":70"), 1);
    leave(client);
}

/* An upload that stalls at 50; the last event before that. */
static uint64_t stall_and_go_on(struct hall *hall)
{
    observe(hall->events, OBSERVED_CREATION, 1, 50);
    events_tick(hall->events, now_ms, 0);
    uint64_t after = events_last(hall->events);
    hall_tick(hall, STALLED_MS);
    observe(hall->events, OBSERVED_ARRIVAL, 1, 50);
    hall_tick(hall, EVENTS_TICK_MS);
    return after;
}

/* Neither by what else is told: an upload that stalled, went on and was looked at then. */
static void no_event_takes_an_offset_back(void **state)
{
    struct hall *hall = *state;
    struct upload_id id = id_of(1);

    uint64_t after = stall_and_go_on(hall);
    assert_string_equal(told(hall->events, after), "stalled 50, resumed 50");

    struct client *fresh = watch_from(hall, &id, after, 60);
    assert_string_equal(received(fresh), "HEADER HERE");
    leave(fresh);
}

static void who_comes_back_is_told_all_that_was_missed(void **state)
{
    struct hall *hall = *state;
    struct upload_id id = id_of(1);

    uint64_t after = stall_and_go_on(hall);
    observe(hall->events, OBSERVED_PROGRESS, 1, 60);
    hall_tick(hall, EVENTS_TICK_MS);

    struct client *back = watch_from(hall, &id, after, 0);
    const char *seen = received(back);
    const char *stalled = strstr(seen, "event: stalled"), *resumed = strstr(seen, "event: resumed");
    const char *progress = strstr(seen, "event: progress");
    assert_true(stalled != NULL && stalled < resumed && resumed < progress);
    leave(back);
}

/* The end is told, however little is known of how far it was. */
static void an_end_is_told_in_any_case(void **state)
{
    struct hall *hall = *state;
    struct upload_id id = id_of(1);
    struct client *client = watch_from(hall, &id, events_last(hall->events), 60);

    observe_in(hall->events, OBSERVED_EXPIRY, 1, 50, UPLOAD_DELETED);
    hall_tick(hall, EVENTS_TICK_MS);
    assert_int_equal(times(received(client), "event: expired"), 1);
    assert_true(client->over);
    leave(client);
}

static void silence_is_broken_in_time(void **state)
{
    struct hall *hall = *state;
    struct upload_id id = id_of(1);
    struct client *client;

    hall_tick(hall, EVENTS_TICK_MS);
    client = watch_with(hall, 0, &id, NULL);
    (void)received(client);
    hall_tick(hall, HEARTBEAT_MS - 1);
    assert_string_equal(received(client), "");
    hall_tick(hall, 1);
    assert_string_equal(received(client), ": \n\n");
    hall_tick(hall, HEARTBEAT_MS - 1);
    assert_string_equal(received(client), "");
    leave(client);
}

static void who_leaves_is_noticed(void **state)
{
    struct hall *hall = *state;
    struct upload_id id = id_of(1);
    struct client *client = watch_with(hall, 0, &id, NULL);

    assert_int_equal(audience_counts(hall->audience).watchers, 1);
    (void)received(client); /* so that it is an end, not a reset */
    (void)close(client->socket);
    audience_wait(hall->audience, 0);
    assert_true(client->over);
    assert_string_equal(client->why, "client-gone");
    assert_int_equal(audience_counts(hall->audience).watchers, 0);
    assert_int_equal(audience_counts(hall->audience).dropped, 0);
    (void)close(client->server_socket);
}

/* So many events that the socket has long been full; returns when it is. */
static void fill(struct hall *hall, struct client *client, unsigned count)
{
    for (unsigned i = 0; i < count && !client->over; i++) {
        observe_in(hall->events, OBSERVED_STATE, 9, i, UPLOAD_COMPLETE);
        audience_tick(hall->audience, now_ms, 1000000000);
    }
}

static void who_does_not_read_is_let_go_when_the_history_has_gone_by(void **state)
{
    struct hall *hall = *state;
    struct client *slow = watch_with(hall, 0, NULL, NULL);

    fill(hall, slow, 10000); /* more than any socket takes */
    assert_false(slow->over);
    const char *text = received(slow); /* there is room again, and what comes next is forgotten */
    assert_true(times(text, "event: complete") > 0);
    audience_wait(hall->audience, 0);
    assert_true(slow->over);
    assert_string_equal(slow->why, "slow");
    assert_int_equal(audience_counts(hall->audience).dropped, 1);
    leave(slow);
}

static void who_does_not_read_for_long_is_let_go(void **state)
{
    struct hall *hall = *state;
    struct client *slow = watch_with(hall, 0, NULL, NULL);

    fill(hall, slow, 10000);
    hall_tick(hall, WATCHER_PATIENCE_MS - 1);
    assert_false(slow->over);
    hall_tick(hall, 1);
    assert_true(slow->over);
    assert_string_equal(slow->why, "slow");
    leave(slow);
}

static void who_reads_slowly_loses_nothing(void **state)
{
    struct hall *hall = *state;
    struct client *client = watch_with(hall, 0, NULL, NULL);
    uint64_t seen = 0;
    size_t gotten = 0;

    (void)received(client);
    for (unsigned i = 0; i < 1000; i++) {
        observe_in(hall->events, OBSERVED_STATE, 9, i, UPLOAD_COMPLETE);
        audience_tick(hall->audience, now_ms, 1000000000);
        if (i % 50 != 0)
            continue;
        for (const char *text; *(text = received(client)) != '\0'; seen += times(text, "\n\n")) {
            gotten += strlen(text);
            audience_wait(hall->audience, 0);
        }
    }
    hall_tick(hall, EVENTS_TICK_MS);
    seen += times(received(client), "\n\n");
    assert_false(client->over);
    assert_int_equal(seen, 1000);
    assert_true(gotten > 0);
    leave(client);
}

static void there_is_room_for_so_many_and_no_more(void **state)
{
    struct hall *hall = *state;
    struct upload_id id = id_of(1);
    struct stream *streams[4] = { NULL }, *all = NULL, *none = NULL;

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(admit(hall, &id, "x", &streams[i]), 0);
    assert_int_equal(admit(hall, &id, "x", &none), REFUSED_OVERLOADED);
    assert_int_equal(admit(hall, NULL, "x", &all), 0); /* the operator is not shut out */
    assert_int_equal(admit(hall, NULL, "x", &none), REFUSED_OVERLOADED);
    streams[0]->drop(streams[0]);
    assert_int_equal(admit(hall, &id, "x", &streams[0]), 0);
    for (size_t i = 0; i < 3; i++)
        streams[i]->drop(streams[i]);
    all->drop(all);
    assert_null(none);
}

static void a_stop_ends_all_and_takes_no_more(void **state)
{
    struct hall *hall = *state;
    struct upload_id id = id_of(1);
    struct client *client = watch_with(hall, 0, &id, NULL);
    struct stream *late = NULL, *none = NULL;

    assert_int_equal(admit(hall, &id, NULL, &late), 0);
    audience_stop(hall->audience);
    assert_true(client->over);
    assert_string_equal(client->why, "shutdown");
    assert_int_equal(admit(hall, &id, NULL, &none), REFUSED_STOPPING);
    clients[1] = (struct client){ .socket = -1 };
    late->header = strdup("HEADER");
    late->begin(late, (struct exchange *)&clients[1], -1);
    assert_true(clients[1].over);
    assert_string_equal(clients[1].why, "shutdown");
    leave(client);
}

#define EVENTS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define HALL_TEST(name)   cmocka_unit_test_setup_teardown(name, hall_set_up, hall_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVENTS_TEST(many_commits_are_one_progress),
        EVENTS_TEST(what_belongs_to_one_tick_is_told_in_its_order),
        EVENTS_TEST(every_end_has_its_name),
        EVENTS_TEST(who_gets_no_bytes_is_stalled_until_they_come),
        EVENTS_TEST(bytes_that_do_not_count_yet_are_no_progress_and_no_stall),
        EVENTS_TEST(old_news_of_an_upload_do_not_take_its_offset_back),
        EVENTS_TEST(what_does_not_fit_is_a_reset),
        EVENTS_TEST(an_id_is_known_as_long_as_all_behind_it_is),
        EVENTS_TEST(another_run_has_other_ids),
        EVENTS_TEST(a_text_is_lines_of_json_whatever_the_url_is),
        HALL_TEST(each_sees_what_is_for_it),
        HALL_TEST(offsets_do_not_go_back),
        HALL_TEST(no_event_takes_an_offset_back),
        HALL_TEST(who_comes_back_is_told_all_that_was_missed),
        HALL_TEST(an_end_is_told_in_any_case),
        HALL_TEST(silence_is_broken_in_time),
        HALL_TEST(who_leaves_is_noticed),
        HALL_TEST(who_does_not_read_is_let_go_when_the_history_has_gone_by),
        HALL_TEST(who_does_not_read_for_long_is_let_go),
        HALL_TEST(who_reads_slowly_loses_nothing),
        HALL_TEST(there_is_room_for_so_many_and_no_more),
        HALL_TEST(a_stop_ends_all_and_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
