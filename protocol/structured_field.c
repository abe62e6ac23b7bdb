/*
 * Each function takes what it parses from the front of rest. Where one yields false the whole field
 * has failed, and nobody looks at rest any more: "When parsing fails ... the entire field value MUST
 * be ignored" (RFC 9651, 4.2).
 */
#include "protocol/structured_field.h"

#include <assert.h>

enum {
    INTEGER_DIGITS = 15,
    DECIMAL_DIGITS = 12, /* before the point */
    FRACTION_DIGITS = 3,
};

static bool next_is(const struct bytes *rest, char character)
{
    return rest->count > 0 && rest->data[0] == (uint8_t)character;
}

static bool take(struct bytes *rest, char character)
{
    if (!next_is(rest, character))
        return false;
    *rest = bytes_after(*rest, 1);
    return true;
}

static void skip_blanks(struct bytes *rest)
{
    while (take(rest, ' '))
        continue;
}

/* OWS = *( SP / HTAB )  — RFC 9110, 5.6.3 */
static void skip_white(struct bytes *rest)
{
    while (take(rest, ' ') || take(rest, '\t'))
        continue;
}

static bool digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool lower(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z';
}

static bool letter(uint8_t byte)
{
    return lower(byte) || (byte >= 'A' && byte <= 'Z');
}

static bool printable(uint8_t byte)
{
    return byte >= 0x20 && byte <= 0x7e;
}

/* What was taken from the front since rest began there. */
static struct bytes taken_since(struct bytes begin, const struct bytes *rest)
{
    return bytes_of(begin.data, begin.count - rest->count);
}

/* --- bare items --- */

/* Takes digits, at most so many. False when there are more, or none. */
static bool digits_parse(struct bytes *rest, unsigned most, int64_t *number, unsigned *ret_count)
{
    unsigned count = 0;

    for (; rest->count > 0 && digit(rest->data[0]); *rest = bytes_after(*rest, 1)) {
        if (++count > most)
            return false;
        *number = *number * 10 + (rest->data[0] - '0');
    }
    *ret_count = count;
    return count > 0;
}

/*
 * sf-integer = ["-"] 1*15DIGIT
 * sf-decimal = ["-"] 1*12DIGIT "." 1*3DIGIT
 */
static bool number_take(struct bytes *rest, struct structured_value *value)
{
    bool negative = take(rest, '-');
    int64_t number = 0;
    unsigned count = 0;

    value->kind = STRUCTURED_INTEGER;
    if (!digits_parse(rest, INTEGER_DIGITS, &number, &count))
        return false;
    if (next_is(rest, '.')) {
        unsigned fraction = 0;

        value->kind = STRUCTURED_DECIMAL;
        *rest = bytes_after(*rest, 1);
        if (count > DECIMAL_DIGITS || !digits_parse(rest, FRACTION_DIGITS, &number, &fraction))
            return false;
        for (; fraction < FRACTION_DIGITS; fraction++)
            number *= 10;
    }
    value->integer = negative ? -number : number;
    return true;
}

/*
 * sf-string = DQUOTE *( unescaped / "%" / bs-escaped ) DQUOTE
 * bs-escaped = "\" ( DQUOTE / "\" )
 */
static bool string_take(struct bytes *rest, struct structured_value *value)
{
    value->kind = STRUCTURED_STRING;
    *rest = bytes_after(*rest, 1);
    while (!take(rest, '"')) {
        if (take(rest, '\\')) {
            if (!take(rest, '"') && !take(rest, '\\'))
                return false;
            continue;
        }
        if (rest->count == 0 || !printable(rest->data[0]))
            return false;
        *rest = bytes_after(*rest, 1);
    }
    return true;
}

static bool token_character(uint8_t byte)
{
    return token_valid(bytes_of(&byte, 1)) || byte == ':' || byte == '/';
}

/* sf-token = ( ALPHA / "*" ) *( tchar / ":" / "/" ) */
static bool token_take(struct bytes *rest, struct structured_value *value)
{
    value->kind = STRUCTURED_TOKEN;
    while (rest->count > 0 && token_character(rest->data[0]))
        *rest = bytes_after(*rest, 1);
    return true;
}

/* base64 = *( ALPHA / DIGIT / "+" / "/" ) *"="; its six bits, or -1 */
static int base64_bits(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (lower(byte))
        return byte - 'a' + 26;
    if (digit(byte))
        return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/*
 * sf-binary = ":" base64 ":"
 *
 * "parsers SHOULD NOT fail when '=' padding is not present ... parsers SHOULD NOT fail when non-zero
 *  pad bits are present"  — RFC 9651, 4.2.7
 */
static bool binary_take(struct bytes *rest, struct structured_value *value)
{
    size_t count = 0, padding = 0;

    value->kind = STRUCTURED_BYTES;
    *rest = bytes_after(*rest, 1);
    for (; rest->count > 0 && base64_bits(rest->data[0]) >= 0; count++)
        *rest = bytes_after(*rest, 1);
    while (take(rest, '='))
        padding++;
    return take(rest, ':') && count % 4 != 1 &&
           (padding == 0 || (padding <= 2 && (count + padding) % 4 == 0));
}

/* sf-boolean = "?" ( "0" / "1" ) */
static bool boolean_take(struct bytes *rest, struct structured_value *value)
{
    value->kind = STRUCTURED_BOOLEAN;
    *rest = bytes_after(*rest, 1);
    value->boolean = next_is(rest, '1');
    return take(rest, '0') || take(rest, '1');
}

/* sf-date = "@" sf-integer */
static bool date_take(struct bytes *rest, struct structured_value *value)
{
    *rest = bytes_after(*rest, 1);
    if (!number_take(rest, value) || value->kind != STRUCTURED_INTEGER)
        return false;
    value->kind = STRUCTURED_DATE;
    return true;
}

/* What may follow within a character of UTF-8: how many bytes, and the bounds of the next of them.
 * RFC 3629, 4: no surrogates, nothing in more bytes than it needs, nothing beyond U+10FFFF. */
struct utf8 {
    unsigned missing;
    uint8_t lowest, highest;
};

static bool utf8_take(struct utf8 *utf8, uint8_t byte)
{
    if (utf8->missing > 0) {
        bool follows = byte >= utf8->lowest && byte <= utf8->highest;
        *utf8 = (struct utf8){ utf8->missing - 1, 0x80, 0xbf };
        return follows;
    }
    if (byte < 0x80)
        return true;
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    *utf8 = (struct utf8){
        .missing = byte < 0xe0   ? 1
                   : byte < 0xf0 ? 2
                                 : 3,
        .lowest = byte == 0xe0   ? 0xa0
                  : byte == 0xf0 ? 0x90
                                 : 0x80,
        .highest = byte == 0xed   ? 0x9f
                   : byte == 0xf4 ? 0x8f
                                  : 0xbf,
    };
    return true;
}

/* lc-hexdig = DIGIT / %x61-66 */
static bool hex_digit(uint8_t byte)
{
    return digit(byte) || (byte >= 'a' && byte <= 'f');
}

static unsigned hex_value(uint8_t byte)
{
    return digit(byte) ? byte - (unsigned)'0' : byte - (unsigned)'a' + 10;
}

/* pct-encoded = "%" lc-hexdig lc-hexdig; behind the "%" */
static bool encoded_take(struct bytes *rest, uint8_t *ret_byte)
{
    if (rest->count < 2 || !hex_digit(rest->data[0]) || !hex_digit(rest->data[1]))
        return false;
    *ret_byte = (uint8_t)(hex_value(rest->data[0]) << 4 | hex_value(rest->data[1]));
    *rest = bytes_after(*rest, 2);
    return true;
}

/*
 * sf-displaystring = "%" DQUOTE *( unescaped / "\" / pct-encoded ) DQUOTE
 */
static bool display_string_take(struct bytes *rest, struct structured_value *value)
{
    struct utf8 utf8 = { 0 };

    value->kind = STRUCTURED_DISPLAY_STRING;
    *rest = bytes_after(*rest, 1);
    if (!take(rest, '"'))
        return false;
    while (!take(rest, '"')) {
        if (rest->count == 0 || !printable(rest->data[0]))
            return false;
        uint8_t byte = rest->data[0];
        *rest = bytes_after(*rest, 1);
        if ((byte == '%' && !encoded_take(rest, &byte)) || !utf8_take(&utf8, byte))
            return false;
    }
    return utf8.missing == 0;
}

static bool bare_item_take_any(struct bytes *rest, struct structured_value *value)
{
    uint8_t first = rest->data[0];

    if (first == '-' || digit(first))
        return number_take(rest, value);
    if (letter(first) || first == '*')
        return token_take(rest, value);
    switch (first) {
    case '"': return string_take(rest, value);
    case ':': return binary_take(rest, value);
    case '?': return boolean_take(rest, value);
    case '@': return date_take(rest, value);
    case '%': return display_string_take(rest, value);
    default: return false;
    }
}

/* bare-item = sf-integer / sf-decimal / sf-string / sf-token
 *           / sf-binary / sf-boolean / sf-date / sf-displaystring */
static bool bare_item_take(struct bytes *rest, struct structured_value *ret_value)
{
    struct structured_value value = { 0 };
    struct bytes begin = *rest;

    if (rest->count == 0 || !bare_item_take_any(rest, &value))
        return false;
    value.text = taken_since(begin, rest);
    *ret_value = value;
    return true;
}

/* --- what they stand in --- */

static bool key_character(uint8_t byte)
{
    return lower(byte) || digit(byte) || byte == '_' || byte == '-' || byte == '.' || byte == '*';
}

/* key = ( lcalpha / "*" ) *( lcalpha / DIGIT / "_" / "-" / "." / "*" ) */
static bool key_take(struct bytes *rest, struct bytes *ret_key)
{
    struct bytes begin = *rest;

    if (rest->count == 0 || (!lower(rest->data[0]) && rest->data[0] != '*'))
        return false;
    while (rest->count > 0 && key_character(rest->data[0]))
        *rest = bytes_after(*rest, 1);
    *ret_key = taken_since(begin, rest);
    return true;
}

/* parameters = *( ";" *SP parameter )
 * parameter  = param-key [ "=" param-value ] */
static bool parameters_take(struct bytes *rest)
{
    struct structured_value value;
    struct bytes key;

    while (take(rest, ';')) {
        skip_blanks(rest);
        if (!key_take(rest, &key))
            return false;
        if (take(rest, '=') && !bare_item_take(rest, &value))
            return false;
    }
    return true;
}

/* sf-item = bare-item parameters */
static bool item_take(struct bytes *rest, struct structured_value *ret_value)
{
    return bare_item_take(rest, ret_value) && parameters_take(rest);
}

/* inner-list = "(" *SP [ sf-item *( 1*SP sf-item ) *SP ] ")" parameters */
static bool inner_list_take(struct bytes *rest, struct structured_value *ret_value)
{
    struct structured_value item;
    struct bytes begin = *rest;

    *rest = bytes_after(*rest, 1);
    for (;;) {
        skip_blanks(rest);
        if (take(rest, ')'))
            break;
        if (!item_take(rest, &item) || (!next_is(rest, ' ') && !next_is(rest, ')')))
            return false;
    }
    *ret_value = (struct structured_value){ .kind = STRUCTURED_INNER_LIST,
                                            .text = taken_since(begin, rest) };
    return parameters_take(rest);
}

/* dict-member  = member-key ( parameters / ( "=" member-value ))
 * member-value = sf-item / inner-list */
static bool member_take(struct bytes *rest, struct bytes *ret_key,
                        struct structured_value *ret_value)
{
    if (!key_take(rest, ret_key))
        return false;
    if (!take(rest, '=')) {
        *ret_value = (struct structured_value){ .kind = STRUCTURED_BOOLEAN, .boolean = true };
        return parameters_take(rest);
    }
    return next_is(rest, '(') ? inner_list_take(rest, ret_value) : item_take(rest, ret_value);
}

/* sf-dictionary = dict-member *( OWS "," OWS dict-member )
 *
 * Of members with the same key the last one counts (4.2.2). */
static bool dictionary_parse(struct bytes rest, const char *key, bool *ret_found,
                             struct structured_value *ret_value)
{
    bool found = false;

    skip_blanks(&rest);
    while (rest.count > 0) {
        struct structured_value value;
        struct bytes name;

        if (!member_take(&rest, &name, &value))
            return false;
        if (key != NULL && bytes_equal_text(name, key)) {
            *ret_value = value;
            found = true;
        }
        skip_white(&rest);
        if (rest.count == 0)
            break;
        if (!take(&rest, ','))
            return false;
        skip_white(&rest);
        if (rest.count == 0)
            return false;
    }
    *ret_found = found;
    return true;
}

/* --- fields --- */

bool structured_item_parse(struct bytes field, struct structured_value *ret_value)
{
    struct structured_value value;

    skip_blanks(&field);
    if (!item_take(&field, &value))
        return false;
    skip_blanks(&field);
    if (field.count > 0)
        return false;
    *ret_value = value;
    return true;
}

bool structured_dictionary_valid(struct bytes field)
{
    struct structured_value value;
    bool found;

    return dictionary_parse(field, NULL, &found, &value);
}

bool structured_dictionary_find(struct bytes field, const char *key,
                                struct structured_value *ret_value)
{
    struct structured_value value;
    bool found;

    if (!dictionary_parse(field, key, &found, &value) || !found)
        return false;
    *ret_value = value;
    return true;
}

bool structured_bytes_decode(const struct structured_value *value, uint8_t *ret_data, size_t room,
                             size_t *ret_count)
{
    struct bytes text = bytes_of(value->text.data + 1, value->text.count - 2); /* the colons */
    unsigned bits = 0, bit_count = 0;
    size_t count = 0;

    assert(value->kind == STRUCTURED_BYTES);
    while (text.count > 0 && text.data[text.count - 1] == '=')
        text.count--;
    if (text.count / 4 * 3 + text.count % 4 * 3 / 4 > room)
        return false;
    for (size_t i = 0; i < text.count; i++) {
        bits = (bits << 6 | (unsigned)base64_bits(text.data[i])) & 0xffff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            ret_data[count++] = (uint8_t)(bits >> bit_count);
        }
    }
    *ret_count = count;
    return true;
}

/* --- fields of a message --- */

static bool is_named(const struct field *field, const char *name)
{
    return bytes_equal_nocase(field->name, name);
}

/* An item of several lines has a comma in it, which no item has. */
bool structured_item_field(const struct message *message, const char *name,
                           struct structured_value *ret_value)
{
    struct bytes field;

    return message_field_count(message, name) == 1 && message_field(message, name, &field) &&
           structured_item_parse(field, ret_value);
}

/* Line by line: the same as of all in one, because a comma can only stand between two members. An
 * empty one would leave a comma with nothing on one side. */
bool structured_dictionary_field_valid(const struct message *message, const char *name)
{
    size_t count = message_field_count(message, name);

    for (size_t i = 0; i < message->field_count; i++) {
        struct bytes line = message->fields[i].value;
        if (!is_named(&message->fields[i], name))
            continue;
        if (!structured_dictionary_valid(line) || (count > 1 && field_trim(line).count == 0))
            return false;
    }
    return count > 0;
}

bool structured_dictionary_field_find(const struct message *message, const char *name,
                                      const char *key, struct structured_value *ret_value)
{
    bool found = false;

    if (!structured_dictionary_field_valid(message, name))
        return false;
    for (size_t i = 0; i < message->field_count; i++)
        if (is_named(&message->fields[i], name) &&
            structured_dictionary_find(message->fields[i].value, key, ret_value))
            found = true;
    return found;
}
