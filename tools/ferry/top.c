#include "tools/ferry/top.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tools/ferry/admin.h"
#include "tools/ferry/age.h"
#include "tools/ferry/progress.h"
#include "tools/ferry/say.h"
#include "tools/ferry/screen.h"
#include "tools/ferry/size.h"
#include "tools/ferry/stop.h"
#include "tools/ferry/table.h"
#include "tools/ferry/text.h"

enum {
    TOP_EVERY_MS = 1000,
    TOP_TIMEOUT_S = 5,
    TOP_ENTRIES_MAX = 500, /* of each kind: no terminal is so high */
    TOP_HEADER_LINES = 6,  /* with the table's */
    TOP_LINE_BYTES = 512,
    TOP_PLACE_BYTES = 128,
    TOP_PATH_BYTES = 64,
};

/* An upload as it was told, and how fast it has been of late. */
struct watched {
    struct entry entry;
    struct progress progress;
};

struct watched_list {
    struct watched *items; /* TOP_ENTRIES_MAX */
    size_t count;
};

struct top {
    struct admin admin;
    char place[TOP_PLACE_BYTES];
    struct watched_list active, stalled, before; /* before: room for the next answer */
    json_t *stats;                               /* NULL: none came yet */
    struct answer answer;                        /* of the last request that failed */
    bool failing;
    atomic_bool quit;
};

static void top_done(struct top *top)
{
    admin_close(&top->admin);
    free(top->active.items);
    free(top->stalled.items);
    free(top->before.items);
    json_decref(top->stats);
}

/* The number that names lead to in what the server tells of itself; 0 where there is none. */
static uint64_t stats_number(const struct top *top, const char *group, const char *name)
{
    const json_t *object = group == NULL ? top->stats : json_object_get(top->stats, group);
    double value = json_number_value(json_object_get(object, name));

    return value > 0 && value < 1e18 ? (uint64_t)value : 0;
}

static void stats_size(const struct top *top, const char *group, const char *name,
                       char text[static SIZE_TEXT_BYTES])
{
    size_format(stats_number(top, group, name), text);
}

static void put_title(const struct top *top)
{
    const char *version = json_string_value(json_object_get(top->stats, "version"));
    char clean[TOP_PLACE_BYTES];
    char line[TOP_LINE_BYTES];
    char age[AGE_TEXT_BYTES];

    text_clean(version == NULL ? "" : version, sizeof(clean), clean);
    age_format(stats_number(top, NULL, "uptime_s"), age);
    (void)snprintf(line, sizeof(line), "ferryd %s, up %s, at %s", clean, age, top->place);
    screen_put(0, false, line);
}

static void put_totals(const struct top *top)
{
    char line[TOP_LINE_BYTES];
    char received[SIZE_TEXT_BYTES];
    char acknowledged[SIZE_TEXT_BYTES];
    char free_space[SIZE_TEXT_BYTES];
    char total[SIZE_TEXT_BYTES];
    char database[SIZE_TEXT_BYTES];
    uint64_t receiving = stats_number(top, "uploads", "receiving");
    uint64_t writing = stats_number(top, NULL, "writing");

    (void)snprintf(line, sizeof(line),
                   "uploads   %" PRIu64 " active, %" PRIu64 " stalled, %" PRIu64
                   " complete, %" PRIu64 " damaged, %" PRIu64 " invalidated",
                   writing, receiving > writing ? receiving - writing : 0,
                   stats_number(top, "uploads", "complete"),
                   stats_number(top, "uploads", "damaged"),
                   stats_number(top, "uploads", "invalidated"));
    screen_put(1, false, line);

    stats_size(top, "rates", "received_bytes_per_s", received);
    stats_size(top, "rates", "acknowledged_bytes_per_s", acknowledged);
    (void)snprintf(line, sizeof(line),
                   "minute    %s/s received, %s/s acknowledged, %" PRIu64 " requests/s", received,
                   acknowledged, stats_number(top, "rates", "requests_per_s"));
    screen_put(2, false, line);

    stats_size(top, "disk", "free_bytes", free_space);
    stats_size(top, "disk", "total_bytes", total);
    stats_size(top, "database", "bytes", database);
    (void)snprintf(line, sizeof(line), "disk      %s free of %s, database %s", free_space, total,
                   database);
    screen_put(3, false, line);
}

/* The uploads being sent, then those that are not, as far as there is room. */
static void put_uploads(const struct top *top)
{
    size_t room = screen_lines() > TOP_HEADER_LINES + 1 ? screen_lines() - TOP_HEADER_LINES - 1 : 0;
    size_t count = top->active.count + top->stalled.count;
    AUTO_FREE struct entry *entries = calloc(count + 1, sizeof(*entries));
    char line[TABLE_LINE_BYTES];
    int64_t now_s = clock_realtime_s();
    struct table table;

    if (entries == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        entries[i] = i < top->active.count ? top->active.items[i].entry
                                           : top->stalled.items[i - top->active.count].entry;
    table_lay_out(entries, count < room ? count : room, true, screen_columns(), &table);
    table_format_header(&table, line);
    screen_put(TOP_HEADER_LINES - 1, true, line);
    for (size_t i = 0; i < count && i < room; i++) {
        double rate = i < top->active.count ? top->active.items[i].progress.bytes_per_s : -1;
        table_format_entry(&table, &entries[i], rate, now_s, line);
        screen_put(TOP_HEADER_LINES + i, false, line);
    }
}

static void top_draw(const struct top *top)
{
    char line[TOP_LINE_BYTES];
    char clean[TOP_LINE_BYTES];

    screen_begin();
    if (top->stats != NULL) {
        put_title(top);
        put_totals(top);
        put_uploads(top);
    }
    (void)snprintf(line, sizeof(line), "q quits%s%s", top->failing ? "; trying again: " : "",
                   top->failing ? top->answer.reason : "");
    text_clean(line, sizeof(clean), clean);
    screen_put(screen_lines() - 1, top->failing, clean);
    screen_show();
}

static void top_keys(struct top *top)
{
    enum screen_key key;

    while ((key = screen_key()) != SCREEN_KEY_NONE) {
        top->quit = top->quit || key == SCREEN_KEY_QUIT;
        if (key == SCREEN_KEY_RESIZED)
            top_draw(top);
    }
}

static void top_tick(void *context, uint64_t sent)
{
    (void)sent;
    top_keys(context);
}

static void watched_measure(struct watched *watched, const struct watched_list *before,
                            uint64_t now_ms)
{
    for (size_t i = 0; i < before->count; i++)
        if (strcmp(before->items[i].entry.id, watched->entry.id) == 0) {
            watched->progress = before->items[i].progress;
            progress_update(&watched->progress, now_ms, watched->entry.offset);
            return;
        }
    progress_restart(&watched->progress, now_ms, watched->entry.offset);
}

static bool list_read(struct top *top, struct watched_list *list, const json_t *page)
{
    const json_t *uploads = json_object_get(page, "uploads");
    size_t count = json_array_size(uploads);
    struct watched_list before = *list;
    uint64_t now_ms = clock_monotonic_ms();

    if (!json_is_array(uploads) || count > TOP_ENTRIES_MAX)
        return false;
    list->items = top->before.items;
    list->count = 0;
    top->before = before;
    for (size_t i = 0; i < count; i++) {
        struct watched *watched = &list->items[list->count];
        *watched = (struct watched){ 0 };
        if (!entry_read(json_array_get(uploads, i), &watched->entry))
            return false;
        watched_measure(watched, &before, now_ms);
        list->count++;
    }
    return true;
}

static enum outcome top_list(struct top *top, const char *state, struct watched_list *list)
{
    size_t lines = screen_lines() < TOP_ENTRIES_MAX ? screen_lines() : TOP_ENTRIES_MAX;
    char path[TOP_PATH_BYTES];
    json_t *page = NULL;

    (void)snprintf(path, sizeof(path), "/api/uploads?state=%s&limit=%zu", state,
                   lines > 0 ? lines : 1);
    enum outcome outcome = admin_ask(&top->admin, path, top_tick, top, &page, &top->answer);
    if (outcome == OUTCOME_OK && !list_read(top, list, page))
        outcome = upload_refuse(&top->answer, "the answer is no list of uploads");
    json_decref(page);
    return outcome;
}

static enum outcome top_stats(struct top *top, void (*tick)(void *context, uint64_t sent))
{
    json_t *stats = NULL;
    enum outcome outcome = admin_ask(&top->admin, "/api/stats", tick, top, &stats, &top->answer);

    if (outcome == OUTCOME_OK) {
        json_decref(top->stats);
        top->stats = stats;
    }
    return outcome;
}

static void top_ask(struct top *top)
{
    enum outcome outcome = top_stats(top, top_tick);

    if (outcome == OUTCOME_OK)
        outcome = top_list(top, "active", &top->active);
    if (outcome == OUTCOME_OK)
        outcome = top_list(top, "stalled", &top->stalled);
    top->failing = outcome != OUTCOME_OK;
}

/* Until the time has come, or it is time to stop; keys are obeyed meanwhile. */
static void top_wait(struct top *top, uint64_t until_ms)
{
    struct pollfd descriptors[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                                    { .fd = stop_descriptor(), .events = POLLIN } };

    for (uint64_t now_ms = clock_monotonic_ms(); now_ms < until_ms && !stop_asked();
         now_ms = clock_monotonic_ms()) {
        (void)poll(descriptors, 2, (int)(until_ms - now_ms));
        if ((descriptors[0].revents & (POLLHUP | POLLERR)) != 0)
            top->quit = true; /* the terminal is gone */
        top_keys(top);
    }
}

static bool top_begin(struct top *top)
{
    top->active.items = calloc(TOP_ENTRIES_MAX, sizeof(struct watched));
    top->stalled.items = calloc(TOP_ENTRIES_MAX, sizeof(struct watched));
    top->before.items = calloc(TOP_ENTRIES_MAX, sizeof(struct watched));
    if (top->active.items == NULL || top->stalled.items == NULL || top->before.items == NULL) {
        say_error("no memory");
        return false;
    }
    text_clean(top->admin.place, sizeof(top->place), top->place);
    if (top_stats(top, NULL) == OUTCOME_OK)
        return true;
    say_error("%s: %s", top->admin.place, stop_asked() ? "stopped" : top->answer.reason);
    return false;
}

int top(const struct options *options)
{
    struct options hasty = *options;
    CLEANUP(top_done) struct top top = { 0 };

    if (hasty.timeout_s == 0 || hasty.timeout_s > TOP_TIMEOUT_S)
        hasty.timeout_s = TOP_TIMEOUT_S;
    int r = admin_open(&hasty, &top.admin);
    if (r != 0)
        return r;
    if (!top_begin(&top) || screen_open() != 0)
        return 1;

    stop_follow(&top.quit);
    while (!stop_asked()) {
        uint64_t next_ms = clock_monotonic_ms() + TOP_EVERY_MS;
        top_ask(&top);
        if (stop_asked())
            break;
        top_draw(&top);
        top_wait(&top, next_ms);
    }
    screen_close();
    return 0;
}
