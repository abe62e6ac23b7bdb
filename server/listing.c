#define LOG_MODULE "listing"
#include "server/listing.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "protocol/base64.h"
#include "protocol/listing_query.h"
#include "protocol/upload_metadata.h"
#include "server/json_text.h"
#include "server/service.h"
#include "server/status.h"
#include "server/status_json.h"
#include "server/uploads.h"

/* A page on its way from the store to the answer. */
struct listing {
    const struct exchange *exchange;
    struct listing_query query;
    struct bytes key, value; /* of the metadata that is wanted; value in base64, as it is kept */
    char value_base64[BASE64_TEXT_BYTES(LISTING_METADATA_BYTES)];
    struct upload_page page;
    char *text;
};

/* Base64 is kept in its one canonical form: equal bytes have equal texts. */
static bool listing_matches(void *argument, const struct upload_info *info)
{
    const struct listing *asked = argument;
    struct upload_metadata_pair pair;

    for (struct bytes rest = bytes_of(info->metadata, info->metadata_count);
         upload_metadata_next(&rest, &pair);)
        if (bytes_equal(pair.key, asked->key))
            return !asked->query.value_known || bytes_equal(pair.value, asked->value);
    return false;
}

static enum upload_wanted wanted_of(enum listing_state state)
{
    switch (state) {
    case LISTING_ALL: break;
    case LISTING_ACTIVE: return UPLOADS_ACTIVE;
    case LISTING_STALLED: return UPLOADS_STALLED;
    case LISTING_COMPLETE: return UPLOADS_COMPLETE;
    case LISTING_INVALIDATED: return UPLOADS_INVALIDATED;
    case LISTING_DAMAGED: return UPLOADS_DAMAGED;
    }
    return UPLOADS_ALL;
}

static void listing_want_metadata(struct listing *asked)
{
    const struct listing_query *query = &asked->query;

    asked->key = bytes_of(query->metadata, query->key_count);
    base64_encode(bytes_of(query->metadata + query->key_count, query->value_count),
                  asked->value_base64);
    asked->value = bytes_of(asked->value_base64, BASE64_TEXT_BYTES(query->value_count));
    asked->page.match = listing_matches;
    asked->page.match_argument = asked;
}

static int listing_prepare(struct listing *asked)
{
    const struct listing_query *query = &asked->query;
    struct upload_page *page = &asked->page;
    int64_t now = clock_realtime_s();

    page->wanted = wanted_of(query->state);
    if (query->older_known)
        page->created_until = now - (int64_t)query->older_s;
    if (query->newer_known)
        page->created_from = now - (int64_t)query->newer_s;
    if (query->key_known)
        listing_want_metadata(asked);
    if (query->cursor_known)
        page->before = (struct upload_cursor){ .created = (int64_t)query->cursor.high,
                                               .number = query->cursor.low };
    page->room = query->limit;
    page->infos = calloc(page->room, sizeof(*page->infos));
    return page->infos == NULL ? fail_errno("memory for a list of uploads") : 0;
}

static json_t *json_of_next(const struct upload_page *page)
{
    char text[LISTING_CURSOR_BYTES];
    struct listing_cursor cursor = { .high = (uint64_t)page->before.created,
                                     .low = page->before.number };

    if (!page->more)
        return json_null();
    listing_cursor_format(cursor, text);
    return json_string(text);
}

/* On a worker: a thousand uploads take milliseconds. */
static int listing_write(void *argument)
{
    struct listing *asked = argument;
    const struct upload_page *page = &asked->page;
    const struct status_parts unknown = { 0 };
    struct json_lines lines = { 0 };

    json_lines_add(&lines, "{\n  \"uploads\": [");
    for (size_t i = 0; i < page->count; i++) {
        json_lines_add(&lines, i == 0 ? "\n    " : ",\n    ");
        json_lines_add_value(&lines, status_of(asked->exchange, &page->infos[i], &unknown));
    }
    json_lines_add(&lines, page->count == 0 ? "],\n  \"next\": " : "\n  ],\n  \"next\": ");
    json_lines_add_value(&lines, json_of_next(page));
    json_lines_add(&lines, "\n}\n");
    asked->text = json_lines_end(&lines);
    return asked->text != NULL ? 0 : fail_code(ENOMEM, "memory for a list of uploads");
}

int listing(struct exchange *exchange)
{
    struct listing asked = { .exchange = exchange };

    int r = listing_query_parse(exchange_query(exchange), &asked.query);
    if (r == 0)
        r = listing_prepare(&asked);
    if (r == 0)
        r = uploads_list(exchange, service_of(exchange)->store, &asked.page);
    if (r == 0)
        r = offload(exchange, listing_write, &asked);
    if (r == 0)
        answer_json(exchange_answer(exchange), 200, asked.text);
    upload_page_done(&asked.page);
    free(asked.page.infos);
    return r;
}
