#define LOG_MODULE "answer"
#include "server/answer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "protocol/http_date.h"
#include "protocol/ietf_field.h"
#include "protocol/message.h"
#include "protocol/problem.h"
#include "protocol/tus_body.h"
#include "protocol/tus_version.h"
#include "server/stream.h"

#define VERBATIM(name, text) \
    const struct bytes name = { .data = (const uint8_t *)(text), .count = sizeof(text) - 1 }

VERBATIM(ANSWER_408,
         "HTTP/1.1 408 Request Timeout\r\n"
         "Connection: close\r\n"
         "Content-Type: text/plain; charset=utf-8\r\n"
         "Content-Length: 33\r\n"
         "\r\n"
         "the request did not come in time\n");
VERBATIM(ANSWER_503,
         "HTTP/1.1 503 Service Unavailable\r\n"
         "Connection: close\r\n"
         "Retry-After: 1\r\n"
         "Content-Type: text/plain; charset=utf-8\r\n"
         "Content-Length: 21\r\n"
         "\r\n"
         "too many connections\n");

#undef VERBATIM

static void answer_drop_file(struct answer *answer)
{
    content_close(answer->file.content);
    answer->file = (struct answer_file){ 0 };
}

static void answer_drop_stream(struct answer *answer)
{
    if (answer->stream != NULL)
        answer->stream->drop(answer->stream);
    answer->stream = NULL;
}

void answer_done(struct answer *answer)
{
    for (size_t i = 0; i < answer->field_count; i++)
        free(answer->fields[i].value);
    free(answer->body);
    answer_drop_file(answer);
    answer_drop_stream(answer);
    *answer = (struct answer){ 0 };
}

void answer_field(struct answer *answer, const char *name, const char *format, ...)
{
    char *value = NULL;
    va_list arguments;

    va_start(arguments, format);
    int count = vasprintf(&value, format, arguments);
    va_end(arguments);
    if (count < 0) {
        answer->broken = true;
        return;
    }

    assert(answer->field_count < ANSWER_FIELDS_MAX);
    assert(field_value_valid(bytes_of_text(value)));
    answer->fields[answer->field_count++] = (struct answer_field){ .name = name, .value = value };
}

bool answer_has_field(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->field_count; i++)
        if (strcmp(answer->fields[i].name, name) == 0)
            return true;
    return false;
}

void answer_file(struct answer *answer, struct content *content, uint64_t offset, uint64_t count)
{
    assert(answer->body == NULL);
    answer_drop_file(answer);
    answer->file = (struct answer_file){
        .present = true, .content = content, .offset = offset, .count = count
    };
}

struct answer_file answer_take_file(struct answer *answer)
{
    struct answer_file file = answer->file;
    answer->file.content = NULL;
    return file;
}

void answer_stream(struct answer *answer, struct stream *stream)
{
    assert(answer->body == NULL && !answer->file.present);
    answer_drop_stream(answer);
    answer->stream = stream;
}

/* Takes the body. */
static void answer_body(struct answer *answer, char *body, size_t count)
{
    answer_drop_file(answer);
    answer_drop_stream(answer);
    free(answer->body);
    answer->body = body;
    answer->body_count = count;
}

void answer_text(struct answer *answer, unsigned status, const char *format, ...)
{
    AUTO_FREE char *line = NULL;
    char *body = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        line = NULL;
    va_end(arguments);
    int count = line == NULL ? -1 : asprintf(&body, "%s\n", line);
    if (count < 0) {
        answer->broken = true;
        return;
    }

    answer->status = status;
    if (answer->body == NULL) /* a second sentence replaces the first */
        answer_field(answer, "Content-Type", "text/plain; charset=utf-8");
    answer_body(answer, body, (size_t)count);
}

void answer_content(struct answer *answer, unsigned status, const char *media_type, char *body,
                    size_t count)
{
    assert(answer->body == NULL);
    if (body == NULL) {
        answer->broken = true;
        return;
    }
    answer->status = status;
    answer_field(answer, "Content-Type", "%s", media_type);
    answer_body(answer, body, count);
}

void answer_json(struct answer *answer, unsigned status, char *text)
{
    answer_content(answer, status, "application/json", text, text == NULL ? 0 : strlen(text));
}

void answer_problem(struct answer *answer, unsigned status, const char *json)
{
    char *body = NULL;

    int count = asprintf(&body, "%s\n", json);
    answer_content(answer, status, PROBLEM_MEDIA_TYPE, count < 0 ? NULL : body, (size_t)count);
}

struct sentence {
    unsigned status;
    const char *text;
};

/* NOLINTNEXTLINE(readability-function-size): a table, a row for each refusal */
static struct sentence refusal_sentence(enum refusal refusal)
{
    /* clang-format off */
    switch (refusal) {
#define SAY(status, text) return (struct sentence){ status, text }
    case REFUSED_MALFORMED_MESSAGE: SAY(400, "this is not a valid HTTP/1.1 request");
    case REFUSED_EXPECTATION: SAY(417, "Expect: only 100-continue can be met");
    case REFUSED_TARGET: SAY(404, "there is nothing here");
    case REFUSED_METHOD: SAY(405, "this resource does not know that method");

    case REFUSED_UNKNOWN_UPLOAD: SAY(404, "there is no such upload");
    case REFUSED_GONE: SAY(410, "this upload was deleted or has expired");
    case REFUSED_DAMAGED: SAY(410, "this upload is damaged: start a new one");
    case REFUSED_INVALIDATED: SAY(410, "a request broke the rules of this upload: start a new one");
    case REFUSED_COMPLETED: SAY(400, "this upload is complete and takes no more bytes");
    case REFUSED_INCOMPLETE: SAY(409, "this upload is not complete yet");
    case REFUSED_OFFSET_MISMATCH: SAY(409, "Upload-Offset: the upload does not end there");
    case REFUSED_LENGTH_MISMATCH: SAY(400, "Upload-Length: another length was stated before");
    case REFUSED_TOO_LONG: SAY(413, "the upload would become longer than its Upload-Length");
    case REFUSED_TOO_SHORT: SAY(400, "Upload-Length: the upload does not end there");
    case REFUSED_LASTING: SAY(409, "this upload does not expire: it is complete, or a part of another one");
    case REFUSED_LOCKED: SAY(423, "another request for this upload is still running: try again");
    case REFUSED_ENDED: SAY(423, "a newer request for this upload has taken over");

    case REFUSED_UNKNOWN_PART: SAY(404, "Upload-Concat: there is no such upload among the parts");
    case REFUSED_NOT_PARTIAL: SAY(400, "Upload-Concat: only partial uploads can be parts");
    case REFUSED_PART_LOST: SAY(410, "Upload-Concat: a part was deleted, has expired or is damaged: start anew");
    case REFUSED_PART_BUSY: SAY(409, "Upload-Concat: an unfinished part is waited for by too many others");
    case REFUSED_TOO_MANY_PARTS: SAY(400, "Upload-Concat: more parts than one upload may have");
    case REFUSED_FINAL_UPLOAD: SAY(403, "this upload is made of others: nothing can be appended");

    case REFUSED_REPEATED_FIELD: SAY(400, "a header that may be sent once was sent more than once");
    case REFUSED_VERSION: SAY(412, "Tus-Resumable must be sent, and be " TUS_VERSION);
    case REFUSED_MEDIA_TYPE: SAY(415, "Content-Type must be " TUS_MEDIA_TYPE);
    case REFUSED_OFFSET_SYNTAX: SAY(400, "Upload-Offset must be sent: a number from 0 to 2^63-1");
    case REFUSED_LENGTH_SYNTAX: SAY(400, "Upload-Length must be a number from 0 to 2^63-1");
    case REFUSED_DEFER_SYNTAX: SAY(400, "Upload-Defer-Length must be 1 where it is sent");
    case REFUSED_LENGTH_UNSTATED: SAY(400, "Upload-Length or Upload-Defer-Length: 1 must be sent");
    case REFUSED_LENGTH_CONTRADICTS: SAY(400, "Upload-Length excludes Upload-Defer-Length");
    case REFUSED_METADATA_SYNTAX: SAY(400, "Upload-Metadata must be \"key base64\" pairs, each key once");
    case REFUSED_TOO_LARGE: SAY(413, "the upload is larger than this server takes");
    case REFUSED_CONCAT_SYNTAX: SAY(400, "Upload-Concat must be partial, or final; and the URLs of partial uploads");
    case REFUSED_CONCAT_LENGTH: SAY(400, "Upload-Length is not for a final upload: it is the sum of its parts");
    case REFUSED_KEY_SYNTAX: SAY(400, "Idempotency-Key must be one string in quotes, of 16 to 255 characters");
    case REFUSED_KEY_REUSED: SAY(422, "Idempotency-Key: another request was sent with this key");
    case REFUSED_HEADER_TOO_LARGE: SAY(431, "Upload-Concat, Upload-Metadata: more than 98304 bytes together");

    case REFUSED_COMPLETENESS: SAY(400, "Upload-Complete, in version 3 Upload-Incomplete, must be sent: ?0 or ?1");
    case REFUSED_OFFSET_UNSTATED: SAY(400, "Upload-Offset must be sent: an integer of 1 to 15 digits");
    case REFUSED_PARTIAL_MEDIA_TYPE: SAY(415, "Content-Type must be " IETF_MEDIA_TYPE);
    case REFUSED_FIELD_EXCLUDED: SAY(400, "Upload-Offset, Upload-Complete and the like are not for this method");
    case REFUSED_OTHER_PROTOCOL: SAY(400, "this upload was created by another protocol: append by that one");
    case REFUSED_LENGTHS_INCONSISTENT: SAY(400, "Upload-Length, or the content: another length was stated");
    case REFUSED_EXCESS: SAY(400, "the content exceeds the length of the upload");
    case REFUSED_TOO_SMALL: SAY(400, "the upload is smaller than min-size: send it in one request");
    case REFUSED_APPEND_TOO_LARGE: SAY(413, "the content is larger than max-append-size");
    case REFUSED_APPEND_TOO_SMALL: SAY(400, "the content is smaller than min-append-size");
    case REFUSED_DIGEST_FIELD: SAY(400, "Content-Digest or Repr-Digest: not a dictionary of digests");
    case REFUSED_CONTENT_MISMATCH: SAY(400, "Content-Digest: the content has another one: nothing was kept");
    case REFUSED_TAKEN_OVER: SAY(503, "another request has this upload: ask for its offset");

    case REFUSED_CHECKSUM_SYNTAX: SAY(400, "Upload-Checksum: algorithm, blank, base64 of the digest; a trailer must not contradict the header");
    case REFUSED_CHECKSUM_ALGORITHM: SAY(400, "Upload-Checksum: see Tus-Checksum-Algorithm for those that are known");
    case REFUSED_CHECKSUM_MISSING: SAY(400, "Upload-Checksum was announced and not sent: nothing was kept");
    case REFUSED_CHECKSUM_MISMATCH: SAY(460, "Upload-Checksum: the bytes have another one: nothing was kept");
    case REFUSED_DIGEST_SYNTAX: SAY(400, "state one digest: metadata digest blake2b:HEX or sha256:HEX, or Repr-Digest: sha-256=:BASE64:");
    case REFUSED_DIGEST_MISMATCH: SAY(422, "the bytes have not the stated digest: start a new upload");

    case REFUSED_RANGE: SAY(416, "Range: these bytes are not there");
    case REFUSED_PRECONDITION: SAY(412, "a precondition of the request does not hold");

    case REFUSED_TOKEN: SAY(401, "Authorization: Bearer must be sent, with the token of this server");
    case REFUSED_HOST: SAY(421, "Host must be localhost or an address");
    case REFUSED_FOREIGN_PAGE: SAY(403, "web pages, and forms, are not answered here");

    case REFUSED_QUERY: SAY(400, "the query may have state, older, newer, metadata, limit and cursor, each once");
    case REFUSED_STATE_FILTER: SAY(400, "state must be active, stalled, complete, invalidated or damaged");
    case REFUSED_AGE_FILTER: SAY(400, "older and newer must be numbers of seconds, 4000000000 at most");
    case REFUSED_METADATA_FILTER: SAY(400, "metadata must be KEY or KEY:VALUE, percent-encoded, of 1024 bytes at most");
    case REFUSED_LIMIT: SAY(400, "limit must be a number from 1 to 1000");
    case REFUSED_CURSOR: SAY(400, "cursor must be what next was in an answer");

    case REFUSED_NO_SPACE: SAY(507, "the server's disk is full: what Upload-Offset counts is kept");
    case REFUSED_OVERLOADED: SAY(503, "the server is busy: try again in a moment");
    case REFUSED_STOPPING: SAY(503, "the server is going down: try again in a moment");
    case REFUSAL_COUNT: break;
#undef SAY
    }
    /* clang-format on */
    assert(!"a refusal without an answer");
    return (struct sentence){ 0 };
}

static void answer_refusal(struct answer *answer, enum refusal refusal)
{
    struct sentence sentence = refusal_sentence(refusal);

    if (refusal == REFUSED_MALFORMED_MESSAGE || refusal == REFUSED_STOPPING)
        answer->close = true;
    if (refusal == REFUSED_OVERLOADED || refusal == REFUSED_STOPPING ||
        refusal == REFUSED_TAKEN_OVER)
        answer_field(answer, "Retry-After", refusal == REFUSED_STOPPING ? "5" : "1");
    if (refusal == REFUSED_TOKEN)
        answer_field(answer, "WWW-Authenticate", "Bearer realm=\"ferryd\"");
    if (refusal == REFUSED_VERSION)
        answer_field(answer, "Tus-Version", TUS_VERSIONS);
    answer_text(answer, sentence.status, "%s", sentence.text);
}

static void answer_failure(struct answer *answer, int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT: answer_text(answer, 507, "the server's disk is full"); return;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        answer_field(answer, "Retry-After", "1");
        answer_text(answer, 503, "the server is short of memory: try again in a moment");
        return;
    default: answer_text(answer, 500, "the server failed"); return;
    }
}

void answer_result(struct answer *answer, int result)
{
    if (result > 0)
        answer_refusal(answer, (enum refusal)result);
    else if (result < 0)
        answer_failure(answer, -result);
    assert(answer->status != 0 || answer->broken); /* a handler returned 0 and said nothing */
}

static const char *status_reason(unsigned status)
{
    switch (status) {
#define STATUS(number, reason) \
    case number:               \
        return reason;
#include "server/status.def"
#undef STATUS
    default: return "";
    }
}

char *answer_format(const struct answer *answer, bool head, size_t *ret_count)
{
    char *text = NULL;
    size_t count = 0;
    char date[HTTP_DATE_BYTES];
    bool interim = answer->status < 200;

    FILE *out = open_memstream(&text, &count);
    if (out == NULL)
        return NULL;
    http_date_format(clock_realtime_s(), date);

    (void)fprintf(out, "HTTP/1.1 %u %s\r\n", answer->status, status_reason(answer->status));
    for (size_t i = 0; i < answer->field_count; i++)
        (void)fprintf(out, "%s: %s\r\n", answer->fields[i].name, answer->fields[i].value);
    if (!interim) {
        (void)fprintf(out, "Date: %s\r\n", date);
        if (answer->status != 204 && answer->stream == NULL)
            (void)fprintf(out, "Content-Length: %" PRIu64 "\r\n",
                          answer->file.present ? answer->file.count : answer->body_count);
        if (answer->close)
            (void)fputs("Connection: close\r\n", out);
    }
    (void)fputs("\r\n", out);
    if (!head && !interim && answer->body_count > 0)
        (void)fwrite(answer->body, 1, answer->body_count, out);

    bool written = ferror(out) == 0;
    if (fclose(out) != 0 || !written) {
        free(text);
        return NULL;
    }
    *ret_count = count;
    return text;
}
