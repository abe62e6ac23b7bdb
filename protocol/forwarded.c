#include "protocol/forwarded.h"

#include "protocol/authority.h"

/* What one proxy says of who spoke to it. */
struct hop {
    struct address client;
    struct bytes host;
    enum forwarded_scheme scheme;
};

/* The last of them, in the order of the field: a ring. */
struct hops {
    size_t count; /* of all that were added */
    struct hop ring[FORWARDED_HOPS_MAX];
};

static void hops_add(struct hops *hops, const struct hop *hop)
{
    hops->ring[hops->count++ % FORWARDED_HOPS_MAX] = *hop;
}

/* From the right to the left, as far as who speaks is trusted. */
static struct forwarded hops_follow(const struct hops *hops, const struct address *peer,
                                    const struct networks *trusted)
{
    struct forwarded forwarded = { .client = *peer };
    size_t kept = hops->count < FORWARDED_HOPS_MAX ? hops->count : FORWARDED_HOPS_MAX;

    for (size_t i = 1; i <= kept && networks_have(trusted, &forwarded.client); i++) {
        const struct hop *hop = &hops->ring[(hops->count - i) % FORWARDED_HOPS_MAX];
        if (hop->host.count > 0)
            forwarded.host = hop->host;
        if (hop->scheme != FORWARDED_SCHEME_UNKNOWN)
            forwarded.scheme = hop->scheme;
        if (hop->client.kind == ADDRESS_UNKNOWN)
            break; /* it does not say, or hides it: the last that is known is this proxy */
        forwarded.client = hop->client;
    }
    return forwarded;
}

static enum forwarded_scheme scheme_of(struct bytes text)
{
    if (bytes_equal_nocase(text, "https"))
        return FORWARDED_SCHEME_HTTPS;
    return bytes_equal_nocase(text, "http") ? FORWARDED_SCHEME_HTTP : FORWARDED_SCHEME_UNKNOWN;
}

static struct bytes host_of(struct bytes text)
{
    return authority_valid(text) ? text : bytes_of(NULL, 0);
}

/* --- Forwarded --- */

static size_t blanks(struct bytes text)
{
    size_t count = 0;

    while (count < text.count && (text.data[count] == ' ' || text.data[count] == '\t'))
        count++;
    return count;
}

/* "value = token / quoted-string"  — RFC 7239, 4. Taken off the text, without its quotes; escapes stay:
 * nothing that we look for has one. False when it is neither. */
static bool value_take(struct bytes *text, struct bytes *ret_value)
{
    size_t count = 0;

    if (text->count > 0 && text->data[0] == '"') {
        for (count = 1; count < text->count && text->data[count] != '"'; count++)
            if (text->data[count] == '\\')
                count++;
        if (count >= text->count)
            return false;
        *ret_value = bytes_of(text->data + 1, count - 1);
        *text = bytes_after(*text, count + 1);
        return true;
    }
    while (count < text->count && token_valid(bytes_of(text->data + count, 1)))
        count++;
    *ret_value = bytes_of(text->data, count);
    *text = bytes_after(*text, count);
    return count > 0;
}

/* "forwarded-pair = token "=" value"; "each parameter MUST NOT occur more than once per field-value"
 *  — RFC 7239, 4. */
static bool pair_take(struct bytes *text, struct hop *hop, unsigned *seen)
{
    static const char *const names[] = { "for", "host", "proto" };
    struct bytes name, value;
    unsigned which = 0;

    const uint8_t *equals = memchr(text->data, '=', text->count);
    name = bytes_of(text->data, equals == NULL ? 0 : (size_t)(equals - text->data));
    if (!token_valid(name))
        return false;
    *text = bytes_after(*text, name.count + 1);
    if (!value_take(text, &value))
        return false;

    while (which < 3 && !bytes_equal_nocase(name, names[which]))
        which++;
    if (which < 3 && (*seen & 1U << which) != 0)
        return false;
    *seen |= 1U << which;
    if (which == 0)
        (void)address_parse_node(value, &hop->client);
    else if (which == 1)
        hop->host = host_of(value);
    else if (which == 2)
        hop->scheme = scheme_of(value);
    return true;
}

/* "Forwarded = 1#forwarded-element", "forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )"
 *  — RFC 7239, 4. False when it is not well-formed. */
static bool hops_add_forwarded(struct hops *hops, struct bytes text)
{
    struct hop hop = { 0 };
    unsigned seen = 0;

    for (;;) {
        text = bytes_after(text, blanks(text));
        bool pair = text.count > 0 && text.data[0] != ';' && text.data[0] != ',';
        if (pair && !pair_take(&text, &hop, &seen))
            return false;
        text = bytes_after(text, blanks(text));

        bool ends = text.count == 0 || text.data[0] == ',';
        if (ends && seen != 0) { /* not an empty element of the list */
            hops_add(hops, &hop);
            hop = (struct hop){ 0 };
            seen = 0;
        }
        if (text.count == 0)
            return true;
        if (!ends && text.data[0] != ';')
            return false;
        text = bytes_after(text, 1);
    }
}

/* --- X-Forwarded-* --- */

/* The element behind the last comma, taken off the list. */
static struct bytes list_take_last(struct bytes *list)
{
    size_t begin = list->count;

    while (begin > 0 && list->data[begin - 1] != ',')
        begin--;
    struct bytes element = field_trim(bytes_after(*list, begin));
    list->count = begin > 0 ? begin - 1 : 0;
    return element;
}

static void hops_add_list(struct hops *hops, struct bytes list)
{
    struct bytes elements[FORWARDED_HOPS_MAX];
    size_t count = 0;

    while (list.count > 0 && count < FORWARDED_HOPS_MAX)
        elements[count++] = list_take_last(&list);
    while (count > 0) {
        struct hop hop = { 0 };
        (void)address_parse_node(elements[--count], &hop.client);
        hops_add(hops, &hop);
    }
}

/* --- both --- */

/* The last value of a field that most proxies set, and some add to. */
static struct bytes field_last(const struct message *message, const char *name)
{
    struct bytes last = { 0 };

    for (size_t i = 0; i < message->field_count; i++)
        if (bytes_equal_nocase(message->fields[i].name, name))
            last = message->fields[i].value;
    return list_take_last(&last);
}

/* Of what the two kinds say, where either does: nothing when they say two things. */
static struct bytes host_agreed(struct bytes one, struct bytes other)
{
    if (one.count == 0 || other.count == 0)
        return one.count == 0 ? other : one;
    return bytes_equal(one, other) ? one : bytes_of(NULL, 0);
}

static enum forwarded_scheme scheme_agreed(enum forwarded_scheme one, enum forwarded_scheme other)
{
    if (one == FORWARDED_SCHEME_UNKNOWN || other == FORWARDED_SCHEME_UNKNOWN)
        return one == FORWARDED_SCHEME_UNKNOWN ? other : one;
    return one == other ? one : FORWARDED_SCHEME_UNKNOWN;
}

struct forwarded forwarded_read(const struct message *message, const struct address *peer,
                                const struct networks *trusted)
{
    if (!networks_have(trusted, peer))
        return (struct forwarded){ .client = *peer };

    struct hops standard = { 0 }, custom = { 0 };
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if (bytes_equal_nocase(field->name, "Forwarded") &&
            !hops_add_forwarded(&standard, field->value))
            hops_add(&standard, &(struct hop){ 0 }); /* nobody knows what it was to say */
        if (bytes_equal_nocase(field->name, "X-Forwarded-For"))
            hops_add_list(&custom, field->value);
    }

    struct forwarded one = hops_follow(&standard, peer, trusted);
    struct forwarded other = hops_follow(&custom, peer, trusted);
    if (standard.count > 0 && custom.count > 0 && !address_equal(&one.client, &other.client))
        return (struct forwarded){ .client = *peer };

    struct forwarded forwarded = standard.count > 0 ? one : other;
    forwarded.host = host_agreed(forwarded.host, host_of(field_last(message, "X-Forwarded-Host")));
    forwarded.scheme =
        scheme_agreed(forwarded.scheme, scheme_of(field_last(message, "X-Forwarded-Proto")));
    return forwarded;
}
