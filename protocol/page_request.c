#include "protocol/page_request.h"

#include <arpa/inet.h>
#include <stdbool.h>

#include "base/refusal.h"
#include "protocol/media_type.h"

/* The fields that it is judged by; a NULL one is not there. */
struct page_fields {
    const struct field *host, *site, *origin, *content_type;
};

static int page_fields_read(const struct message *message, struct page_fields *ret_fields)
{
    int r = message_field_once(message, "Host", &ret_fields->host);
    if (r == 0)
        r = message_field_once(message, "Sec-Fetch-Site", &ret_fields->site);
    if (r == 0)
        r = message_field_once(message, "Origin", &ret_fields->origin);
    if (r == 0)
        r = message_field_once(message, "Content-Type", &ret_fields->content_type);
    return r;
}

/* Old browsers say no more than Origin, and of a form not even that. */
static bool origin_is_host(struct bytes origin, const struct field *host)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; host != NULL && i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (bytes_start_with(origin, schemes[i]))
            return bytes_equal(bytes_after(origin, strlen(schemes[i])), host->value);
    return false;
}

static bool form_can_send(struct bytes content_type)
{
    return media_type_is(content_type, "application/x-www-form-urlencoded") ||
           media_type_is(content_type, "multipart/form-data") ||
           media_type_is(content_type, "text/plain");
}

int page_request_check(const struct message *message)
{
    struct page_fields fields;

    int r = page_fields_read(message, &fields);
    if (r != 0)
        return r;

    if (fields.site != NULL && !bytes_equal_text(fields.site->value, "same-origin") &&
        !bytes_equal_text(fields.site->value, "none")) /* none: somebody has typed the address */
        return REFUSED_FOREIGN_PAGE;
    if (fields.origin != NULL && !origin_is_host(fields.origin->value, fields.host))
        return REFUSED_FOREIGN_PAGE;
    if (fields.content_type != NULL && form_can_send(fields.content_type->value))
        return REFUSED_FOREIGN_PAGE;
    return 0;
}

/* Without the port. */
static struct bytes host_name(struct bytes host)
{
    size_t count = host.count;

    while (count > 0 && host.data[count - 1] >= '0' && host.data[count - 1] <= '9')
        count--;
    if (count > 0 && host.data[count - 1] == ':' && host.data[0] != ':')
        return bytes_of(host.data, count - 1);
    return host;
}

static bool is_address(struct bytes name)
{
    char text[INET6_ADDRSTRLEN] = { 0 };
    uint8_t address[sizeof(struct in6_addr)];
    bool bracketed = name.count > 2 && name.data[0] == '[' && name.data[name.count - 1] == ']';

    if (bracketed)
        name = bytes_of(name.data + 1, name.count - 2);
    if (name.count >= sizeof(text) || memchr(name.data, '\0', name.count) != NULL)
        return false;
    memcpy(text, name.data, name.count);
    return inet_pton(bracketed ? AF_INET6 : AF_INET, text, address) == 1;
}

int page_request_check_host(const struct message *message)
{
    const struct field *host;

    int r = message_field_once(message, "Host", &host);
    if (r != 0)
        return r;
    if (host == NULL || host->value.count == 0)
        return 0;
    struct bytes name = host_name(host->value);
    return bytes_equal_nocase(name, "localhost") || is_address(name) ? 0 : REFUSED_HOST;
}
