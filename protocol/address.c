#include "protocol/address.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/number.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

enum {
    MAPPED_BITS = 8 * sizeof(mapped),
    IP_BITS = 128,
};

struct address address_of_ipv4(const uint8_t ip[static 4])
{
    struct address address = { .kind = ADDRESS_IP };

    memcpy(address.ip, mapped, sizeof(mapped));
    memcpy(address.ip + sizeof(mapped), ip, 4);
    return address;
}

struct address address_of_ipv6(const uint8_t ip[static 16])
{
    struct address address = { .kind = ADDRESS_IP };

    memcpy(address.ip, ip, sizeof(address.ip));
    return address;
}

static bool address_is_ipv4(const struct address *address)
{
    return memcmp(address->ip, mapped, sizeof(mapped)) == 0;
}

bool address_parse(struct bytes text, struct address *ret_address)
{
    char terminated[ADDRESS_TEXT_BYTES] = { 0 };
    uint8_t ip[16];

    if (text.count == 0 || text.count >= sizeof(terminated) ||
        memchr(text.data, '\0', text.count) != NULL)
        return false;
    memcpy(terminated, text.data, text.count);

    if (inet_pton(AF_INET, terminated, ip) == 1)
        *ret_address = address_of_ipv4(ip);
    else if (inet_pton(AF_INET6, terminated, ip) == 1)
        *ret_address = address_of_ipv6(ip);
    else
        return false;
    return true;
}

/* "node-port = port / obfport", "port = 1*5DIGIT", "obfport = "_" 1*(ALPHA / DIGIT / "." / "_" / "-")"
 *  — RFC 7239, 6; with its colon, or nothing. What an obfuscated one is made of does not matter here. */
static bool port_valid(struct bytes text)
{
    uint64_t port;

    if (text.count == 0)
        return true;
    if (text.data[0] != ':' || text.count < 2)
        return false;
    text = bytes_after(text, 1);
    return text.data[0] == '_' || number_parse(text, UINT16_MAX, &port);
}

/* "node = nodename [ ":" node-port ]", "nodename = IPv4address / "[" IPv6address "]" / ..."
 *  — RFC 7239, 6. X-Forwarded-For has IPv6 addresses without brackets. */
bool address_parse_node(struct bytes text, struct address *ret_address)
{
    struct address address;

    if (text.count > 0 && text.data[0] == '[') {
        const uint8_t *end = memchr(text.data, ']', text.count);
        size_t count = end == NULL ? 0 : (size_t)(end - text.data) - 1;
        if (end == NULL || memchr(text.data, ':', count + 1) == NULL || /* no IPv4 in brackets */
            !address_parse(bytes_of(text.data + 1, count), &address) ||
            !port_valid(bytes_after(text, count + 2)))
            return false;
        *ret_address = address;
        return true;
    }
    if (address_parse(text, ret_address))
        return true;

    const uint8_t *colon = text.count == 0 ? NULL : memchr(text.data, ':', text.count);
    size_t count = colon == NULL ? 0 : (size_t)(colon - text.data);
    if (!address_parse(bytes_of(text.data, count), &address) ||
        !port_valid(bytes_after(text, count)))
        return false;
    *ret_address = address;
    return true;
}

void address_format(const struct address *address, char ret_text[static ADDRESS_TEXT_BYTES])
{
    switch (address->kind) {
    case ADDRESS_UNKNOWN: (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "unknown"); break;
    case ADDRESS_UNIX: (void)snprintf(ret_text, ADDRESS_TEXT_BYTES, "unix"); break;
    case ADDRESS_IP:
        if (address_is_ipv4(address))
            (void)inet_ntop(AF_INET, address->ip + sizeof(mapped), ret_text, ADDRESS_TEXT_BYTES);
        else
            (void)inet_ntop(AF_INET6, address->ip, ret_text, ADDRESS_TEXT_BYTES);
        break;
    }
}

bool address_equal(const struct address *one, const struct address *other)
{
    return one->kind == other->kind && memcmp(one->ip, other->ip, sizeof(one->ip)) == 0;
}

/* The first bits of the address, and zeros. */
static struct address address_masked(const struct address *address, unsigned bits)
{
    struct address masked = { .kind = address->kind };

    memcpy(masked.ip, address->ip, bits / 8);
    if (bits % 8 != 0)
        masked.ip[bits / 8] = (uint8_t)(address->ip[bits / 8] & 0xff << (8 - bits % 8));
    return masked;
}

static bool network_parse(struct bytes text, struct network *ret_network)
{
    const uint8_t *slash = memchr(text.data, '/', text.count);
    size_t count = slash == NULL ? text.count : (size_t)(slash - text.data);
    struct address address;
    uint64_t bits = IP_BITS;

    if (bytes_equal_text(text, "unix")) {
        *ret_network = (struct network){ .first.kind = ADDRESS_UNIX };
        return true;
    }
    if (!address_parse(bytes_of(text.data, count), &address))
        return false;

    /* "::ffff:10.0.0.0/104" is one of IPv6 by its length */
    unsigned skipped = memchr(text.data, ':', count) == NULL ? MAPPED_BITS : 0;
    if (slash != NULL && !number_parse(bytes_after(text, count + 1), IP_BITS - skipped, &bits))
        return false;
    if (slash != NULL)
        bits += skipped;

    struct address first = address_masked(&address, (unsigned)bits);
    if (!address_equal(&first, &address))
        return false;
    *ret_network = (struct network){ .first = first, .prefix_bits = (unsigned)bits };
    return true;
}

bool networks_parse(struct bytes text, struct networks *ret_networks)
{
    struct networks networks = { 0 };

    while (text.count > 0) {
        size_t count = 0;
        while (count < text.count && text.data[count] != ',' && text.data[count] != ' ')
            count++;
        if (count > 0 &&
            (networks.count == NETWORKS_MAX ||
             !network_parse(bytes_of(text.data, count), &networks.items[networks.count++])))
            return false;
        text = bytes_after(text, count < text.count ? count + 1 : count);
    }
    *ret_networks = networks;
    return true;
}

bool networks_have(const struct networks *networks, const struct address *address)
{
    if (address->kind == ADDRESS_UNKNOWN)
        return false;
    for (size_t i = 0; i < networks->count; i++) {
        struct address masked = address_masked(address, networks->items[i].prefix_bits);
        if (address_equal(&masked, &networks->items[i].first))
            return true;
    }
    return false;
}
