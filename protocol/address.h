#pragma once

/*
 * Addresses of those who speak to us, and networks of them
 *
 *     203.0.113.9, 2001:db8::1        an address
 *     10.0.0.0/8, fd00::/8, unix      a network; without a length, one address
 *
 *   Values     IPv4 addresses are kept as IPv6 ones that begin with ::ffff:, so the two ways of writing one
 *              are the same
 *   Source     RFC 4291, 2.2 and 2.5.5.2; RFC 4632, 3.1; RFC 7239, 6 (nodes)
 *   Threads    any; no I/O, no allocation
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    ADDRESS_TEXT_BYTES = 48, /* with the terminator */
    NETWORKS_MAX = 64,
};

enum address_kind {
    ADDRESS_UNKNOWN, /* nobody says */
    ADDRESS_UNIX,    /* somebody on this machine, by a unix socket */
    ADDRESS_IP,
};

struct address {
    enum address_kind kind;
    uint8_t ip[16];
};

/* Of the four bytes of an IPv4 address. */
struct address address_of_ipv4(const uint8_t ip[static 4]);

/* Of the sixteen of an IPv6 one. */
struct address address_of_ipv6(const uint8_t ip[static 16]);

/* An IPv4 or IPv6 address and nothing else. False, and ret_address untouched, when it is none. */
bool address_parse(struct bytes text, struct address *ret_address);

/*
 * One as proxies name it: an address, in brackets where it is an IPv6 one and has a port, and perhaps a
 * port. False, and ret_address untouched, for everything else, "unknown" and "_hidden" among it.
 */
bool address_parse_node(struct bytes text, struct address *ret_address);

/* "203.0.113.9", "2001:db8::1", "unix", "unknown". */
void address_format(const struct address *address, char ret_text[static ADDRESS_TEXT_BYTES]);

bool address_equal(const struct address *one, const struct address *other);

struct network {
    struct address first; /* the bits behind the prefix are 0 */
    unsigned prefix_bits; /* of the sixteen bytes */
};

struct networks {
    size_t count;
    struct network items[NETWORKS_MAX];
};

/* Networks with commas or blanks between them, perhaps none. False, and ret_networks untouched, when one
 * is not well-formed, has bits behind its prefix (what was meant is not certain), or there are too many. */
bool networks_parse(struct bytes text, struct networks *ret_networks);

bool networks_have(const struct networks *networks, const struct address *address);
