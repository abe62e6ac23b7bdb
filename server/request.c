#define LOG_MODULE "request"
#include "server/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "base/refusal.h"

/* Walks over the fields; next is where the following name has to stand. */
struct field_walk {
    struct field *fields;
    size_t count;
    const char *next;
    bool gap;
};

static enum MHD_Result field_count(void *argument, enum MHD_ValueKind kind, const char *name,
                                   size_t name_count, const char *value, size_t value_count)
{
    (void)kind, (void)name, (void)name_count, (void)value, (void)value_count;
    ++*(size_t *)argument;
    return MHD_YES;
}

/* The buffer had "name ':' OWS value CRLF"; libmicrohttpd wrote a NUL over the ':', the CR and the LF. */
static bool field_contiguous(const char *next, const char *name, size_t name_count,
                             const char *value, size_t value_count)
{
    if (name != next || value <= name + name_count || name[name_count] != '\0')
        return false;
    for (const char *blank = name + name_count + 1; blank < value; blank++)
        if (*blank != ' ' && *blank != '\t')
            return false;
    return value[value_count] == '\0' && value[value_count + 1] == '\0';
}

static enum MHD_Result field_take(void *argument, enum MHD_ValueKind kind, const char *name,
                                  size_t name_count, const char *value, size_t value_count)
{
    struct field_walk *walk = argument;

    (void)kind;
    if (!field_contiguous(walk->next, name, name_count, value, value_count)) {
        walk->gap = true;
        return MHD_NO;
    }
    walk->fields[walk->count++] = (struct field){
        .name = bytes_of(name, name_count),
        .value = field_trim(bytes_of(value, value_count)),
    };
    walk->next = value + value_count + 2;
    return MHD_YES;
}

/* "method SP target SP version CRLF", with a NUL over both blanks and the line's end. */
static bool request_line_contiguous(const char *method, const char *uri, const char *target,
                                    const char *version)
{
    return uri == method + strlen(method) + 1 && version == uri + strlen(target) + 1 &&
           version[strlen(version)] == '\0' && version[strlen(version) + 1] == '\0';
}

/* Behind the empty line that ends the header. */
static const char *header_end(struct MHD_Connection *connection, const char *method)
{
    return method + MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                        ->header_size;
}

/* libmicrohttpd leaves blanks at the end of a value: "chunked " is a coding that it does not know, and the
 * lines between the chunks would be read as content, to the end of the connection. */
static bool coding_understood(struct MHD_Connection *connection)
{
    const char *coding =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
    return coding != NULL && strcasecmp(coding, "chunked") == 0;
}

/* The fields, as they stand in libmicrohttpd's buffer. */
static int request_walk(struct MHD_Connection *connection, const char *method, const char *version,
                        struct request *request)
{
    struct field_walk walk = { .next = version + strlen(version) + 2 };
    size_t count = 0;

    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, field_count, &count);
    request->fields = calloc(count + 1, sizeof(struct field));
    if (request->fields == NULL)
        return fail_errno("read a request");
    walk.fields = request->fields;
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, field_take, &walk);

    request->body = header_end(connection, method);
    if (walk.gap || walk.next + 2 != request->body)
        return REFUSED_MALFORMED_MESSAGE;
    request->message.fields = request->fields;
    request->message.field_count = walk.count;
    return 0;
}

/* A copy of the header for our own: libmicrohttpd's buffer may be gone before the handler is. */
static int request_keep(const char *method, const char *version, const char *target,
                        struct request *request)
{
    size_t count = (size_t)(request->body - method);

    request->header = malloc(count);
    if (request->header == NULL)
        return fail_errno("read a request");
    memcpy(request->header, method, count);

    const uint8_t *from = (const uint8_t *)method;
    const uint8_t *to = (const uint8_t *)request->header;
    for (size_t i = 0; i < request->message.field_count; i++) {
        request->fields[i].name.data = to + (request->fields[i].name.data - from);
        request->fields[i].value.data = to + (request->fields[i].value.data - from);
    }
    request->message.method = bytes_of(to, strlen(method));
    request->message.version = bytes_of(to + (version - method), strlen(version));
    request->message.target = bytes_of_text(target);
    return 0;
}

int request_read(struct MHD_Connection *connection, const char *method, const char *uri,
                 const char *target, const char *version, struct request *ret_request)
{
    struct framing framing = { 0 };

    *ret_request = (struct request){ 0 };
    if (!request_line_contiguous(method, uri, target, version))
        return REFUSED_MALFORMED_MESSAGE;
    int r = request_walk(connection, method, version, ret_request);
    if (r == 0)
        r = request_keep(method, version, target, ret_request);
    if (r == 0)
        r = message_check(&ret_request->message, &framing);
    if (r == 0 && framing.chunked && !coding_understood(connection))
        r = REFUSED_MALFORMED_MESSAGE;
    if (r != 0)
        return r;

    ret_request->framing = framing;
    ret_request->framed = true;
    ret_request->method = ret_request->message.method;
    return target_parse(ret_request->message.target, &ret_request->target);
}

/* tus 1.0.0, "X-HTTP-Method-Override": "The X-HTTP-Method-Override request header MUST be a string which
 * MUST be interpreted as the request's method by the Server, if the header is presented. The actual
 * method of the request MUST be ignored." */
int request_override_method(struct request *request)
{
    const struct field *override;

    int r = message_field_once(&request->message, "X-HTTP-Method-Override", &override);
    if (r != 0 || override == NULL)
        return r;
    if (!token_valid(override->value))
        return REFUSED_MALFORMED_MESSAGE;
    request->method = override->value;
    return 0;
}

void request_done(struct request *request)
{
    free(request->fields);
    free(request->header);
    *request = (struct request){ 0 };
}

bool request_chunk_line_valid(const struct request *request, const char *piece)
{
    if (piece == request->body)
        return true; /* the middle of a chunk, or its line was read before: nothing can be seen */
    if (piece - request->body < 3 || piece[-1] != '\n' || piece[-2] != '\r')
        return false;

    const char *line = piece - 2;
    while (line > request->body && ((unsigned char)line[-1] >= ' ' || line[-1] == '\t'))
        line--;

    /* It begins where the buffer does, or behind the end of the chunk before. */
    return line == request->body ||
           (line - request->body >= 2 && line[-1] == '\n' && line[-2] == '\r');
}

struct trailer_search {
    const char *name;
    struct bytes value;
    size_t count;
    bool malformed;
};

/* Here, too, the bytes tell what libmicrohttpd does not: for it a NUL is the end of the value. */
static enum MHD_Result trailer_take(void *argument, enum MHD_ValueKind kind, const char *name,
                                    size_t name_count, const char *value, size_t value_count)
{
    struct trailer_search *search = argument;

    (void)kind;
    if (!bytes_equal_nocase(bytes_of(name, name_count), search->name))
        return MHD_YES;
    search->count++;
    search->value = field_trim(bytes_of(value, value_count));
    search->malformed |= !field_contiguous(name, name, name_count, value, value_count) ||
                         !field_value_valid(search->value);
    return MHD_YES;
}

int request_trailer(struct MHD_Connection *connection, const char *name, struct bytes *ret_value)
{
    struct trailer_search search = { .name = name };

    (void)MHD_get_connection_values_n(connection, MHD_FOOTER_KIND, trailer_take, &search);
    if (search.malformed)
        return REFUSED_MALFORMED_MESSAGE;
    if (search.count > 1)
        return REFUSED_REPEATED_FIELD;

    *ret_value = search.value;
    return 0;
}
