#include "protocol/listing_query.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "base/refusal.h"

static const uint64_t age_max_s = 4000000000;

/* Up to the separator, which is dropped; all of it when there is none. */
static struct bytes take_until(struct bytes *rest, char separator, bool *ret_found)
{
    const uint8_t *found = rest->count == 0 ? NULL : memchr(rest->data, separator, rest->count);
    size_t count = found == NULL ? rest->count : (size_t)(found - rest->data);
    struct bytes taken = bytes_of(rest->data, count);

    *ret_found = found != NULL;
    *rest = found == NULL ? bytes_of(NULL, 0) : bytes_after(*rest, count + 1);
    return taken;
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* RFC 3986, 2.1:  pct-encoded = "%" HEXDIG HEXDIG */
static bool percent_decode(struct bytes text, uint8_t *ret_data, size_t room, size_t *ret_count)
{
    size_t count = 0;

    for (size_t i = 0; i < text.count; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            int high = text.count - i > 2 ? hex_value(text.data[i + 1]) : -1;
            int low = text.count - i > 2 ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (count == room)
            return false;
        ret_data[count++] = byte;
    }
    *ret_count = count;
    return true;
}

static int read_state(struct bytes value, struct listing_query *query)
{
    static const char *const names[] = {
        [LISTING_ACTIVE] = "active",     [LISTING_STALLED] = "stalled",
        [LISTING_COMPLETE] = "complete", [LISTING_INVALIDATED] = "invalidated",
        [LISTING_DAMAGED] = "damaged",
    };

    for (int state = LISTING_ACTIVE; state <= LISTING_DAMAGED; state++)
        if (bytes_equal_text(value, names[state])) {
            query->state = (enum listing_state)state;
            return 0;
        }
    return REFUSED_STATE_FILTER;
}

static int read_age(struct bytes value, bool *ret_known, uint64_t *ret_seconds)
{
    *ret_known = true;
    return number_parse(value, age_max_s, ret_seconds) ? 0 : REFUSED_AGE_FILTER;
}

static int read_metadata(struct bytes value, struct listing_query *query)
{
    struct bytes key = take_until(&value, ':', &query->value_known);

    query->key_known = true;
    if (!percent_decode(key, query->metadata, sizeof(query->metadata), &query->key_count) ||
        query->key_count == 0 ||
        !percent_decode(value, query->metadata + query->key_count,
                        sizeof(query->metadata) - query->key_count, &query->value_count))
        return REFUSED_METADATA_FILTER;
    return 0;
}

static int read_limit(struct bytes value, struct listing_query *query)
{
    uint64_t limit;

    if (!number_parse(value, LISTING_LIMIT_MAX, &limit) || limit == 0)
        return REFUSED_LIMIT;
    query->limit = (unsigned)limit;
    return 0;
}

static int read_cursor(struct bytes value, struct listing_query *query)
{
    uint64_t halves[2] = { 0 };

    if (value.count != LISTING_CURSOR_BYTES - 1)
        return REFUSED_CURSOR;
    for (size_t i = 0; i < value.count; i++) {
        int digit = hex_value(value.data[i]);
        if (digit < 0)
            return REFUSED_CURSOR;
        halves[i / 16] = halves[i / 16] << 4 | (uint64_t)digit;
    }
    if (halves[0] > INT64_MAX || halves[1] == 0 || halves[1] > INT64_MAX)
        return REFUSED_CURSOR;
    query->cursor_known = true;
    query->cursor = (struct listing_cursor){ .high = halves[0], .low = halves[1] };
    return 0;
}

enum listing_key {
    KEY_STATE,
    KEY_OLDER,
    KEY_NEWER,
    KEY_METADATA,
    KEY_LIMIT,
    KEY_CURSOR,
    KEY_COUNT,
};

static enum listing_key key_find(struct bytes name)
{
    static const char *const names[] = { "state", "older", "newer", "metadata", "limit", "cursor" };
    enum listing_key key = KEY_STATE;

    while (key < KEY_COUNT && !bytes_equal_text(name, names[key]))
        key++;
    return key;
}

static int read_value(enum listing_key key, struct bytes value, struct listing_query *query)
{
    switch (key) {
    case KEY_STATE: return read_state(value, query);
    case KEY_OLDER: return read_age(value, &query->older_known, &query->older_s);
    case KEY_NEWER: return read_age(value, &query->newer_known, &query->newer_s);
    case KEY_METADATA: return read_metadata(value, query);
    case KEY_LIMIT: return read_limit(value, query);
    case KEY_CURSOR: return read_cursor(value, query);
    case KEY_COUNT: break;
    }
    return REFUSED_QUERY;
}

int listing_query_parse(struct bytes query, struct listing_query *ret_query)
{
    bool seen[KEY_COUNT + 1] = { false };
    bool more = query.count > 0;

    *ret_query = (struct listing_query){ .limit = LISTING_LIMIT };
    while (more) {
        bool has_value;
        struct bytes pair = take_until(&query, '&', &more);
        enum listing_key key = key_find(take_until(&pair, '=', &has_value));
        if (!has_value || seen[key])
            return REFUSED_QUERY;
        seen[key] = true;
        int r = read_value(key, pair, ret_query);
        if (r != 0)
            return r;
    }
    return 0;
}

void listing_cursor_format(struct listing_cursor cursor, char ret_text[static LISTING_CURSOR_BYTES])
{
    (void)snprintf(ret_text, LISTING_CURSOR_BYTES, "%016" PRIx64 "%016" PRIx64, cursor.high,
                   cursor.low);
}
