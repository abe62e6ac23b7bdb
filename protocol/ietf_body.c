#include "protocol/ietf_body.h"

struct ietf_body ietf_body_at(const struct ietf_version *version, uint64_t offset,
                              struct ietf_length length, const struct ietf_limits *limits,
                              bool completes)
{
    /* A length that was accepted once stays good, even if the limit has been lowered since. */
    uint64_t longest = length.known ? length.bytes : ietf_limits_longest(limits);

    struct ietf_body body = {
        .length = length,
        .room = longest > offset ? longest - offset : 0,
        .beyond = length.known ? REFUSED_EXCESS : REFUSED_TOO_LARGE,
        .completes = completes,
        .fills = length.known && version->length_completes,
    };
    if (limits->max_append_size > 0 && limits->max_append_size < body.room) {
        body.room = limits->max_append_size;
        body.beyond = REFUSED_APPEND_TOO_LARGE;
        body.fills = false;
    }
    return body;
}

int ietf_body_check(const struct ietf_body *body, const struct framing *framing,
                    const struct ietf_limits *limits)
{
    if (framing->chunked)
        return 0;
    if (framing->length > body->room)
        return body->beyond;

    /* "Requests completing the upload by including the Upload-Complete: ?1 header field are exempt
     *  from this limit."  — draft, Limits. How long chunked content is nobody knows before its end,
     *  and by then refusing it would spare nobody anything. */
    bool last = body->completes || (body->fills && framing->length == body->room);
    if (!last && framing->length < limits->min_append_size)
        return REFUSED_APPEND_TOO_SMALL;
    return 0;
}

int ietf_body_take(struct ietf_body *body, struct bytes *piece)
{
    if (piece->count > body->room) {
        piece->count = (size_t)body->room;
        body->room = 0;
        return body->beyond;
    }

    body->room -= piece->count;
    return 0;
}

bool ietf_body_ends(const struct ietf_body *body)
{
    return body->completes || (body->fills && body->room == 0);
}

struct ietf_length ietf_body_length(bool completes, uint64_t offset, const struct framing *framing)
{
    /* "If the request includes the Upload-Complete field value set to true and a valid
     *  Content-Length header field ... The length is then the sum of the current offset and the
     *  Content-Length header field value."  — draft, Length */
    if (!completes || framing->chunked || framing->length > IETF_SIZE_MAX - offset)
        return (struct ietf_length){ .known = false };
    return (struct ietf_length){ .known = true, .bytes = offset + framing->length };
}
