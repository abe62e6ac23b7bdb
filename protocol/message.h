#pragma once

/*
 * HTTP/1.1 request messages, checked
 *
 * The HTTP library in front of us is lenient: it takes messages that another server, a proxy in
 * front say, would read differently, and from such a difference requests are smuggled. Here a
 * message is either exactly what RFC 9112 allows, or refused.
 *
 *   Source     RFC 9110 (fields, Host, Expect), RFC 9112 (request line, message body length)
 *   Ownership  everything borrows from the caller's memory
 *   Threads    any; no I/O, no allocation
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct field {
    struct bytes name, value; /* value: without the white space around it, see field_trim() */
};

struct message {
    struct bytes method, target, version; /* of the request line, as received */
    const struct field *fields;           /* in the order received */
    size_t field_count;
};

/* How the message says where its body ends. */
struct framing {
    bool chunked;            /* the length is not known before the end */
    bool expect_continue;    /* the client waits for 100 (Continue) before it sends the body */
    uint64_t length;         /* of the body in bytes; 0 while chunked */
    bool interim_understood; /* HTTP/1.1: a 1xx may be sent */
};

/* A request target, taken apart. */
struct target {
    struct bytes path;  /* begins with '/', or is "*"; percent-encoding untouched */
    struct bytes query; /* without the '?' */
};

/*
 * Checks the message and tells its framing.
 *
 * Refuses with REFUSED_MALFORMED_MESSAGE, after which nothing that follows on the connection may
 * be read as a request, or REFUSED_EXPECTATION.
 */
int message_check(const struct message *message, struct framing *ret_framing);

/* The first field of that name, in any case; false when there is none. */
bool message_field(const struct message *message, const char *name, struct bytes *ret_value);

/* How many fields have that name. */
size_t message_field_count(const struct message *message, const char *name);

/*
 * The field of that name, for those that may stand once; NULL when there is none.
 *
 * Refuses with REFUSED_REPEATED_FIELD: of two values, another reader may have taken the other.
 */
int message_field_once(const struct message *message, const char *name,
                       const struct field **ret_field);

/* Takes origin-form, absolute-form and "*" apart. Refuses with REFUSED_TARGET. */
int target_parse(struct bytes target, struct target *ret_target);

/* A field value without spaces and tabs around it. */
struct bytes field_trim(struct bytes value);

/* Whether the bytes are a token: a method or a field name. */
bool token_valid(struct bytes bytes);

/* Whether the bytes may stand in a field value: no control character but the tab. */
bool field_value_valid(struct bytes value);
