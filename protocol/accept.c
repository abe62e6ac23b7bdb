#include "protocol/accept.h"

#include <stddef.h>
#include <stdint.h>

/* What speaks about a type: how precisely, and the weight it gives. */
struct range {
    unsigned precision; /* 0: nothing speaks about it */
    unsigned weight;
};

enum {
    PRECISION_ANY = 1,       /* of any type at all, before its parameters are counted */
    PRECISION_TYPE = 1 << 8, /* of any subtype */
    PRECISION_WHOLE = 1 << 16,
    PARAMETERS_MAX = 128,
};

/* What stands before the separator, trimmed, and taken off the rest. One in a quoted string separates
 * nothing: RFC 9110, 5.6.4. */
static struct bytes piece_cut(struct bytes *rest, uint8_t separator)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < rest->count && (quoted || rest->data[i] != separator); i++) {
        if (rest->data[i] == '"')
            quoted = !quoted;
        else if (quoted && rest->data[i] == '\\' && i + 1 < rest->count)
            i++;
    }
    struct bytes piece = field_trim(bytes_of(rest->data, i));
    *rest = bytes_after(*rest, i < rest->count ? i + 1 : i);
    return piece;
}

static bool equal_nocase(struct bytes one, struct bytes other)
{
    return one.count == other.count &&
           (one.count == 0 ||
            strncasecmp((const char *)one.data, (const char *)other.data, one.count) == 0);
}

static struct bytes unquoted(struct bytes value)
{
    bool quoted = value.count >= 2 && value.data[0] == '"' && value.data[value.count - 1] == '"';
    return quoted ? bytes_of(value.data + 1, value.count - 2) : value;
}

/* "name=value"; without regard to the case of the value, as that of a charset. */
static bool parameters_equal(struct bytes one, struct bytes other)
{
    struct bytes one_name = piece_cut(&one, '='), other_name = piece_cut(&other, '=');
    return equal_nocase(one_name, other_name) && equal_nocase(unquoted(one), unquoted(other));
}

static bool parameters_have(struct bytes parameters, struct bytes wanted)
{
    while (parameters.count > 0)
        if (parameters_equal(piece_cut(&parameters, ';'), wanted))
            return true;
    return false;
}

/* RFC 9110, 12.4.2:  qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
static bool weight_parse(struct bytes text, unsigned *ret_weight)
{
    unsigned weight = 0, unit = ACCEPT_WEIGHT_MAX;

    if (text.count == 0 || text.count > 5 || (text.count > 1 && text.data[1] != '.'))
        return false;
    for (size_t i = 0; i < text.count; i += i == 0 ? 2 : 1) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        weight += (text.data[i] - (unsigned)'0') * unit;
        unit /= 10;
    }
    if (weight > ACCEPT_WEIGHT_MAX)
        return false;
    *ret_weight = weight;
    return true;
}

/* How precisely the range, without its parameters, speaks about the type; 0 when it does not. */
static unsigned range_precision(struct bytes range, struct bytes type)
{
    struct bytes main_type = piece_cut(&type, '/');

    if (bytes_equal_text(range, "*/*"))
        return PRECISION_ANY;
    if (!equal_nocase(piece_cut(&range, '/'), main_type))
        return 0;
    if (bytes_equal_text(range, "*"))
        return PRECISION_TYPE;
    return equal_nocase(range, type) ? PRECISION_WHOLE : 0;
}

/* What one member of the list says about the type. */
static struct range range_read(struct bytes member, struct bytes type)
{
    static const struct range silent = { 0 };
    struct bytes parameters = type;
    struct bytes name = piece_cut(&parameters, ';');
    struct range range = { .precision = range_precision(piece_cut(&member, ';'), name),
                           .weight = ACCEPT_WEIGHT_MAX };

    if (range.precision == 0)
        return silent;
    for (unsigned count = 0; member.count > 0;) {
        struct bytes parameter = piece_cut(&member, ';');
        struct bytes value = parameter;

        if (parameter.count == 0)
            continue;
        /* "Recipients SHOULD process any parameter named "q" as weight, regardless of parameter
         *  ordering."  — RFC 9110, 12.5.1 */
        if (bytes_equal_nocase(piece_cut(&value, '='), "q")) {
            if (!weight_parse(value, &range.weight))
                return silent;
        } else if (count++ == PARAMETERS_MAX || !parameters_have(parameters, parameter)) {
            return silent;
        } else {
            range.precision++;
        }
    }
    return range;
}

unsigned accept_weight(const struct message *message, const char *type)
{
    struct range best = { 0 };
    bool there = false;

    for (size_t i = 0; i < message->field_count; i++) {
        struct bytes list = message->fields[i].value;

        if (!bytes_equal_nocase(message->fields[i].name, "Accept"))
            continue;
        there = true;
        while (list.count > 0) {
            struct range range = range_read(piece_cut(&list, ','), bytes_of_text(type));

            /* "Media ranges can be overridden by more specific media ranges or specific media types. If
             *  more than one media range applies to a given type, the most specific reference has
             *  precedence."  — RFC 9110, 12.5.1 */
            if (range.precision > best.precision ||
                (range.precision == best.precision && range.weight > best.weight))
                best = range;
        }
    }

    /* RFC 9110, 12.4.1: without the field the client has no preference. */
    return there ? best.weight : ACCEPT_WEIGHT_MAX;
}

bool accept_prefers(const struct message *message, const char *type, const char *other)
{
    return accept_weight(message, type) > accept_weight(message, other);
}
