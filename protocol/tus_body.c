#include "protocol/tus_body.h"

uint64_t tus_limits_longest(struct tus_limits limits)
{
    return limits.max_size == 0 || limits.max_size > INT64_MAX ? INT64_MAX : limits.max_size;
}

struct tus_body tus_body_at(uint64_t offset, struct tus_length length, struct tus_limits limits)
{
    /* A length that was accepted once stays good, even if the limit has been lowered since. */
    uint64_t longest = length.known ? length.bytes : tus_limits_longest(limits);

    return (struct tus_body){
        .room = longest > offset ? longest - offset : 0,
        .beyond = length.known ? REFUSED_TOO_LONG : REFUSED_TOO_LARGE,
        .length = length,
    };
}

int tus_body_check(const struct tus_body *body, const struct framing *framing)
{
    if (!framing->chunked && framing->length > body->room)
        return body->beyond;
    return 0;
}

int tus_body_take(struct tus_body *body, struct bytes *piece)
{
    if (piece->count > body->room) {
        piece->count = (size_t)body->room;
        body->room = 0;
        return body->beyond;
    }

    body->room -= piece->count;
    return 0;
}

enum tus_end tus_body_end(const struct tus_body *body, uint64_t offset)
{
    if (body->complete)
        return TUS_END_NOTHING;
    return body->length.known && body->length.bytes == offset ? TUS_END_FINISH : TUS_END_COMMIT;
}
