#pragma once

/*
 * Answers
 *
 * What a handler says, as a value; the exchange sends it. A handler that returns 0 has given the
 * answer a status. For every other result the one switch in answer.c does: each refusal has its
 * status, header fields and sentence there, each failure of the machine its 5xx.
 *
 *   Ownership  an answer owns copies of what it is given; answer_done() frees them, and a zeroed
 *              answer is an empty one
 *   Errors     without memory the answer becomes a bare 503: nobody has to ask
 *   Source     RFC 9110, section 15 (status codes)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/refusal.h"
#include "storage/content.h"

enum {
    ANSWER_FIELDS_MAX = 32
};

struct answer_field {
    const char *name; /* a literal */
    char *value;
};

/* A part of an upload as the content. */
struct answer_file {
    bool present;
    struct content *content; /* NULL: nothing but the length is to be told */
    uint64_t offset, count;
};

struct stream;

struct answer {
    unsigned status; /* 0: not decided yet */
    bool close;      /* the connection ends with this answer */
    bool broken;     /* there was no memory for all of it */
    struct answer_field fields[ANSWER_FIELDS_MAX];
    size_t field_count;
    char *body;
    size_t body_count;
    struct answer_file file; /* instead of a body */
    struct stream *stream;   /* the same */
};

void answer_done(struct answer *answer);

/* Adds a field. Its value must be one that may stand in a header: control characters are our mistake. */
__attribute__((format(printf, 3, 4))) void answer_field(struct answer *answer, const char *name,
                                                        const char *format, ...);

/* Whether it has a field of that name, in the spelling in which it was added. */
bool answer_has_field(const struct answer *answer, const char *name);

/*
 * The content is so many bytes of an upload's, from offset on, which is taken. NULL stands for it
 * where the content is not sent, to a HEAD: its length is told.
 */
void answer_file(struct answer *answer, struct content *content, uint64_t offset, uint64_t count);

/* Takes the content out of the answer, which still tells the length. */
struct answer_file answer_take_file(struct answer *answer);

/* The content comes from a stream (server/stream.h), which is taken, and ends with the connection. */
void answer_stream(struct answer *answer, struct stream *stream);

/* The status and one line of text/plain; the line feed is added. */
__attribute__((format(printf, 3, 4))) void answer_text(struct answer *answer, unsigned status,
                                                       const char *format, ...);

/* The status and a body of that media type, which is taken; NULL where there was no memory for it. */
void answer_content(struct answer *answer, unsigned status, const char *media_type, char *body,
                    size_t count);

/* The status and a text of JSON, which is taken; NULL where there was no memory for it. */
void answer_json(struct answer *answer, unsigned status, char *text);

/* The status and problem details (RFC 9457): a JSON object in one line. */
void answer_problem(struct answer *answer, unsigned status, const char *json);

/* What a handler's result other than 0 says to the client; fields that it added stay. */
void answer_result(struct answer *answer, int result);

/* Answers to those who never get as far as a request, ready to be sent; both end the connection. */
extern const struct bytes ANSWER_408; /* the request did not come in time */
extern const struct bytes ANSWER_503; /* too many connections */

/*
 * The answer as it goes over the line, status line to body, for when it must be sent by hand: before
 * the request's body has ended, or as an interim response (1xx). The caller frees it; NULL when there
 * is no memory. head: without the body.
 */
char *answer_format(const struct answer *answer, bool head, size_t *ret_count);
