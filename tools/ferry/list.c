#include "tools/ferry/list.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tools/ferry/admin.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/table.h"

enum {
    LIST_PAGE = 500, /* the server allows 1,000 */
};

struct listing {
    const struct options *options;
    struct admin *admin;
    char *filter; /* of the query, "&" before each parameter */
    char *cursor; /* NULL: from the beginning */
    bool more;    /* there is another page */
    uint64_t shown;
    struct entry *entries; /* of the page, LIST_PAGE at most */
    struct table table;    /* laid out for the first page that has uploads */
    bool broken;           /* standard output could not take what it was given */
};

static void listing_done(struct listing *listing)
{
    free(listing->filter);
    free(listing->cursor);
    free(listing->entries);
}

static void cleanup_curlp(char **text)
{
    curl_free(*text);
}

/* Writes "&name=value" where there is a value. */
static void filter_add(FILE *filter, const char *name, const char *value, size_t count)
{
    CLEANUP(cleanup_curlp) char *escaped = curl_easy_escape(NULL, value, (int)count);
    (void)fprintf(filter, "%s%s", name, escaped == NULL ? "" : escaped);
}

/* "KEY=VALUE" as the server wants it: "KEY:VALUE", and each of them escaped. */
static void filter_add_metadata(FILE *filter, const char *text)
{
    size_t key = strcspn(text, "=");

    filter_add(filter, "&metadata=", text, key);
    if (text[key] == '=' && text[key + 1] == '\0')
        (void)fputc(':', filter); /* curl_easy_escape() takes a length of 0 for strlen() */
    else if (text[key] == '=')
        filter_add(filter, ":", text + key + 1, strlen(text + key + 1));
}

static char *filter_format(const struct options *options)
{
    char *text = NULL;
    size_t count = 0;
    FILE *filter = open_memstream(&text, &count);

    if (filter == NULL)
        return NULL;
    if (options->state != NULL && *options->state != '\0')
        filter_add(filter, "&state=", options->state, strlen(options->state));
    if (options->older_s > 0)
        (void)fprintf(filter, "&older=%" PRIu64, options->older_s);
    if (options->newer_s > 0)
        (void)fprintf(filter, "&newer=%" PRIu64, options->newer_s);
    if (options->with_metadata != NULL && *options->with_metadata != '\0' &&
        *options->with_metadata != '=')
        filter_add_metadata(filter, options->with_metadata);
    return fclose(filter) == 0 ? text : NULL;
}

static size_t terminal_columns(void)
{
    struct winsize size = { 0 };

    if (isatty(STDOUT_FILENO) == 0)
        return SIZE_MAX;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void listing_print_table(struct listing *listing, size_t count)
{
    char line[TABLE_LINE_BYTES];
    int64_t now_s = clock_realtime_s();

    if (listing->table.columns == 0 && count > 0) {
        table_lay_out(listing->entries, count, false, terminal_columns(), &listing->table);
        table_format_header(&listing->table, line);
        listing->broken |= puts(line) < 0;
    }
    for (size_t i = 0; i < count && !listing->broken; i++) {
        table_format_entry(&listing->table, &listing->entries[i], -1, now_s, line);
        listing->broken |= puts(line) < 0;
    }
}

/* The upload as the server tells it, in ASCII: it may end on a terminal. */
static void listing_print_json(struct listing *listing, const json_t *upload)
{
    AUTO_FREE char *line = json_dumps(upload, JSON_COMPACT | JSON_ENSURE_ASCII);
    listing->broken |= line == NULL || puts(line) < 0;
}

/* Prints the uploads of a page, and notes where the next one begins. False: it is no page. */
static bool listing_take(struct listing *listing, const json_t *page)
{
    const json_t *uploads = json_object_get(page, "uploads");
    const char *next = json_string_value(json_object_get(page, "next"));
    size_t count = json_array_size(uploads);

    if (!json_is_array(uploads) || count > LIST_PAGE)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!entry_read(json_array_get(uploads, i), &listing->entries[i]))
            return false;
        if (listing->options->json)
            listing_print_json(listing, json_array_get(uploads, i));
    }
    if (!listing->options->json)
        listing_print_table(listing, count);
    listing->shown += count;
    listing->more = next != NULL;
    free(listing->cursor);
    listing->cursor = next == NULL ? NULL : strdup(next);
    listing->broken |= fflush(stdout) != 0;
    return next == NULL || listing->cursor != NULL;
}

/* Asks for the next page, again while that makes sense. False when there is none, and it is said. */
static bool listing_page(struct listing *listing)
{
    const struct options *options = listing->options;
    struct backoff backoff = { .first_ms = options->retry_delay_ms,
                               .patience_ms = options->retry_time_s * 1000 };
    CLEANUP(cleanup_curlp)
    char *cursor = listing->cursor == NULL ? NULL : curl_easy_escape(NULL, listing->cursor, 0);
    const char *place = listing->admin->place;
    uint64_t left = options->limit - listing->shown;
    AUTO_FREE char *path = NULL;
    struct answer answer = { 0 };
    enum outcome outcome;
    json_t *page = NULL;

    if (asprintf(&path, "/api/uploads?limit=%" PRIu64 "%s%s%s", left < LIST_PAGE ? left : LIST_PAGE,
                 listing->filter,
                 cursor == NULL ? "" : "&cursor=", cursor == NULL ? "" : cursor) < 0)
        return false;
    while ((outcome = admin_ask(listing->admin, path, NULL, NULL, &page, &answer)) == OUTCOME_RETRY)
        if ((outcome = retry_wait(&backoff, &answer, NULL, place)) != OUTCOME_OK)
            break;
    if (outcome == OUTCOME_OK && !listing_take(listing, page))
        outcome = upload_refuse(&answer, "the answer is no list of uploads");
    json_decref(page);
    if (outcome != OUTCOME_OK)
        say_error("%s: %s", place, outcome == OUTCOME_STOPPED ? "stopped" : answer.reason);
    return outcome == OUTCOME_OK;
}

int list(const struct options *options)
{
    CLEANUP(admin_close) struct admin admin = { 0 };
    int r = admin_open(options, &admin);
    if (r != 0)
        return r;

    CLEANUP(listing_done)
    struct listing listing = {
        .options = options,
        .admin = &admin,
        .filter = filter_format(options),
        .entries = calloc(LIST_PAGE, sizeof(struct entry)),
        .more = true,
    };
    if (listing.filter == NULL || listing.entries == NULL) {
        say_error("no memory");
        return 1;
    }
    while (listing.more && listing.shown < options->limit && !listing.broken)
        if (!listing_page(&listing))
            return 1;
    if (listing.broken) {
        say_error("standard output could not be written");
        return 1;
    }
    if (listing.shown == 0)
        say_note("no uploads");
    else if (listing.more)
        say_note("there may be more than these %" PRIu64 "; see --limit", listing.shown);
    return 0;
}
