#include "protocol/message.h"

#include "base/number.h"
#include "base/refusal.h"
#include "protocol/authority.h"

/* RFC 9110, 5.6.2:
 *   tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~"
 *         / DIGIT / ALPHA */
static bool tchar(uint8_t byte)
{
    if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= 'a' && byte <= 'z'))
        return true;
    return byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL;
}

/* RFC 9110, 5.6.2:  token = 1*tchar */
bool token_valid(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.count; i++)
        if (!tchar(bytes.data[i]))
            return false;
    return bytes.count > 0;
}

/* RFC 9110, 5.5:
 *   field-vchar = VCHAR / obs-text ; "Field values containing CR, LF, or NUL characters are invalid
 *   and dangerous"; other control characters are invalid, too */
bool field_value_valid(struct bytes value)
{
    for (size_t i = 0; i < value.count; i++)
        if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return true;
}

struct bytes field_trim(struct bytes value)
{
    while (value.count > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = bytes_after(value, 1);
    while (value.count > 0 &&
           (value.data[value.count - 1] == ' ' || value.data[value.count - 1] == '\t'))
        value.count--;
    return value;
}

bool message_field(const struct message *message, const char *name, struct bytes *ret_value)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (bytes_equal_nocase(message->fields[i].name, name)) {
            *ret_value = message->fields[i].value;
            return true;
        }
    return false;
}

size_t message_field_count(const struct message *message, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < message->field_count; i++)
        count += bytes_equal_nocase(message->fields[i].name, name);
    return count;
}

int message_field_once(const struct message *message, const char *name,
                       const struct field **ret_field)
{
    const struct field *found = NULL;

    for (size_t i = 0; i < message->field_count; i++) {
        if (!bytes_equal_nocase(message->fields[i].name, name))
            continue;
        if (found != NULL)
            return REFUSED_REPEATED_FIELD;
        found = &message->fields[i];
    }

    *ret_field = found;
    return 0;
}

static bool fields_valid(const struct message *message)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (!token_valid(message->fields[i].name) || !field_value_valid(message->fields[i].value))
            return false;
    return true;
}

static bool request_line_valid(const struct message *message)
{
    /* RFC 9112, 3.2: "No whitespace is allowed in the request-target." A URL has ASCII characters
     * only, and its fragment stays with the client. */
    for (size_t i = 0; i < message->target.count; i++)
        if (message->target.data[i] <= ' ' || message->target.data[i] >= 0x7f ||
            message->target.data[i] == '#')
            return false;
    return message->target.count > 0 && token_valid(message->method) &&
           (bytes_equal_text(message->version, "HTTP/1.1") ||
            bytes_equal_text(message->version, "HTTP/1.0"));
}

/* RFC 9112, 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
 * message that lacks a Host header field and to any request message that contains more than one Host
 * header field line or a Host header field with an invalid field value." */
static bool host_valid(const struct message *message)
{
    const struct field *host;

    if (message_field_once(message, "Host", &host) != 0)
        return false;
    if (host == NULL)
        return bytes_equal_text(message->version, "HTTP/1.0");

    /* 3.2: empty "if the authority component is missing or undefined for the target URI" */
    return host->value.count == 0 || authority_valid(host->value);
}

/* RFC 9112, 6.3: the length of the body, for requests. What the text lets a server choose is refused
 * here: every choice is one that the next server may make differently. */
static bool framing_parse(const struct message *message, struct framing *ret_framing)
{
    size_t encodings = message_field_count(message, "Transfer-Encoding");
    size_t lengths = message_field_count(message, "Content-Length");
    struct bytes value = { 0 };

    /* 6.1: "A server MAY reject a request that contains both Content-Length and Transfer-Encoding" */
    if (encodings + lengths > 1)
        return false;

    ret_framing->chunked = false;
    ret_framing->length = 0;
    if (message_field(message, "Content-Length", &value))
        return number_parse(value, INT64_MAX, &ret_framing->length);
    if (message_field(message, "Transfer-Encoding", &value)) {
        /* 6.1: "A client MUST NOT send a request containing Transfer-Encoding unless it knows the
         * server will handle HTTP/1.1 requests"; of the codings only chunked is left to clients that
         * want to be understood. */
        ret_framing->chunked = bytes_equal_nocase(value, "chunked");
        return ret_framing->chunked && bytes_equal_text(message->version, "HTTP/1.1");
    }
    return true;
}

int message_check(const struct message *message, struct framing *ret_framing)
{
    struct framing framing = { 0 };
    if (!request_line_valid(message) || !fields_valid(message) || !host_valid(message) ||
        !framing_parse(message, &framing))
        return REFUSED_MALFORMED_MESSAGE;

    framing.interim_understood = bytes_equal_text(message->version, "HTTP/1.1");

    /* RFC 9110, 10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST
     * ignore that expectation." "A server that receives an Expect field value containing a member
     * other than 100-continue MAY respond with a 417 (Expectation Failed) status code" */
    if (framing.interim_understood) {
        const struct field *expectation;
        if (message_field_once(message, "Expect", &expectation) != 0 ||
            (expectation != NULL && !bytes_equal_nocase(expectation->value, "100-continue")))
            return REFUSED_EXPECTATION;
        framing.expect_continue = expectation != NULL && (framing.chunked || framing.length > 0);
    }

    *ret_framing = framing;
    return 0;
}

/* The bytes of "http://" or "https://" at the beginning of the target; 0 when it has neither. */
static size_t scheme_count(struct bytes target)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t count = strlen(schemes[i]);
        if (target.count > count && strncasecmp((const char *)target.data, schemes[i], count) == 0)
            return count;
    }
    return 0;
}

/* The bytes before the first of the given characters; all of them when none comes. */
static size_t count_before(struct bytes text, const char *characters)
{
    size_t count = 0;

    while (count < text.count &&
           (text.data[count] == '\0' || strchr(characters, text.data[count]) == NULL))
        count++;
    return count;
}

int target_parse(struct bytes target, struct target *ret_target)
{
    size_t scheme = scheme_count(target);

    /* RFC 9112, 3.2.2: "a server MUST accept the absolute-form in requests". RFC 9110, 4.2.1, of an
     * empty host: "A recipient that processes such a URI reference MUST reject it as invalid." */
    if (scheme > 0) {
        target = bytes_after(target, scheme);
        size_t authority = count_before(target, "/?");
        if (!authority_valid(bytes_of(target.data, authority)))
            return REFUSED_TARGET;
        target = bytes_after(target, authority);
    } else if (!bytes_start_with(target, "/") && !bytes_equal_text(target, "*")) {
        return REFUSED_TARGET;
    }

    size_t path = count_before(target, "?");
    struct bytes query = bytes_after(target, path);
    ret_target->query = query.count == 0 ? query : bytes_after(query, 1);

    /* RFC 9110, 4.2.3: "an empty path component is equivalent to an absolute path of "/"" */
    ret_target->path = path == 0 ? bytes_of_text("/") : bytes_of(target.data, path);
    return 0;
}
