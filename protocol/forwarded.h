#pragma once

/*
 * Forwarded and X-Forwarded-*: what proxies say of the client behind them
 *
 *     Forwarded: for="[2001:db8::17]:4711";proto=https;host=uploads.example, for=10.1.2.3
 *     X-Forwarded-For: 2001:db8::17, 10.1.2.3
 *     X-Forwarded-Proto: https
 *     X-Forwarded-Host: uploads.example
 *
 * Anybody can send them, so only what a trusted proxy has said counts. A proxy adds on the right: from
 * there it is read, as long as the one who speaks is trusted; the first who is not is the client, and
 * what stands to the left of that is the client's own invention.
 *
 *   Doubt      where a proxy writes one kind of the fields and lets a client's own of the other kind
 *              pass, the two name different clients: then neither is believed, and the proxy is all
 *              that is known. So is one whose Forwarded is not well-formed. A scheme or host of which
 *              the two kinds say two things is not known either.
 *   Source     RFC 7239; for X-Forwarded-* there is no standard but what nginx, Apache and HAProxy do
 *   Ownership  host borrows from the message
 *   Threads    any; no I/O, no allocation
 */

#include "protocol/address.h"
#include "protocol/message.h"

enum {
    FORWARDED_HOPS_MAX = 16 /* proxies in a row; what is further to the left is not looked at */
};

enum forwarded_scheme {
    FORWARDED_SCHEME_UNKNOWN,
    FORWARDED_SCHEME_HTTP,
    FORWARDED_SCHEME_HTTPS,
};

struct forwarded {
    struct address client; /* the peer, or who it speaks for */

    /* Where a trusted proxy says so: how the client addressed it, and by what. */
    struct bytes host; /* an authority (protocol/authority.h); empty: unknown */
    enum forwarded_scheme scheme;
};

/* peer: who sent the message, by its socket. */
struct forwarded forwarded_read(const struct message *message, const struct address *peer,
                                const struct networks *trusted);
