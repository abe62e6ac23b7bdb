#pragma once

/*
 * The request, as libmicrohttpd parsed it and read once more
 *
 * libmicrohttpd 0.9.75 accepts messages from which requests are smuggled (two lengths, folded lines,
 * bare line feeds, blanks before the colon ...) and throws away what would show it. But it parses in
 * place: the method, each name and each value must stand in its buffer one after the other with
 * nothing but the grammar's separators between them. Where they do not, something was skipped,
 * joined or cut, and the message is refused.
 *
 *   Ownership  the request owns a copy of the header, but for the target, which it borrows
 *   Source     protocol/message.h has the rules; libmicrohttpd 0.9.75 connection.c the habits
 */

#include <microhttpd.h>
#include <stdbool.h>

#include "protocol/message.h"

struct request {
    struct message message;
    struct field *fields; /* owned; what message.fields points to */
    char *header;         /* owned; what they point to */
    struct framing framing;
    struct target target;
    struct bytes method; /* the one to execute: see request_override_method() */
    bool framed;         /* the message is well-formed: framing holds */
    const char *body;    /* where in libmicrohttpd's buffer a body begins: behind the header */
};

/*
 * Reads what the access handler was given. uri: the request target where it stood in the buffer, and
 * its copy from before libmicrohttpd cut it into arguments.
 *
 * Refuses as message_check() and target_parse() do; -ENOMEM. ret_request needs request_done() in
 * every case.
 */
int request_read(struct MHD_Connection *connection, const char *method, const char *uri,
                 const char *target, const char *version, struct request *ret_request);
void request_done(struct request *request);

/*
 * The method to execute becomes that of X-HTTP-Method-Override, where the request has one. Refuses with
 * REFUSED_REPEATED_FIELD, and with REFUSED_MALFORMED_MESSAGE what is no method.
 */
int request_override_method(struct request *request);

/* Whether the line before a piece of a chunked body, as far as it still stands in the buffer before
 * the piece, ends as RFC 9112, 7.1 wants: libmicrohttpd takes a bare line feed. */
bool request_chunk_line_valid(const struct request *request, const char *piece);

/*
 * The trailer field of that name, of a chunked body that has ended; its data is NULL when there is none.
 * Refuses with REFUSED_REPEATED_FIELD, and with REFUSED_MALFORMED_MESSAGE what no field may be.
 */
int request_trailer(struct MHD_Connection *connection, const char *name, struct bytes *ret_value);
