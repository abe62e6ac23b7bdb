#pragma once

/*
 * What the fuzzers of the IETF's requests read: in the first line what the headers do not say, then
 * fields
 *
 *     offset=70 length=100 max=1000 append=5 body=30 flags=cfdi
 *     Upload-Complete: ?1
 *
 * Words that are missing mean 0, an unknown length, no limit, a chunked body. append is
 * min-append-size, and ten times that max-append-size.
 */

#include <assert.h>

#include "base/number.h"
#include "protocol/ietf_append.h"
#include "tests/protocol/message_text.h"

struct ietf_text {
    struct message_text text;
    struct ietf_upload upload;
    struct ietf_limits limits;
    struct framing framing;
};

static inline void ietf_text_word(struct bytes word, struct ietf_text *text)
{
    struct bytes name = message_text_cut(&word, '=');
    uint64_t number = 0;

    (void)number_parse(word, IETF_SIZE_MAX, &number);
    if (bytes_equal_text(name, "offset"))
        text->upload.offset = number;
    else if (bytes_equal_text(name, "length"))
        text->upload.length = (struct ietf_length){ .known = true, .bytes = number };
    else if (bytes_equal_text(name, "max"))
        text->limits.max_size = number;
    else if (bytes_equal_text(name, "min"))
        text->limits.min_size = number;
    else if (bytes_equal_text(name, "append")) {
        text->limits.min_append_size = number;
        text->limits.max_append_size = 10 * number;
    } else if (bytes_equal_text(name, "body"))
        text->framing = (struct framing){ .length = number };
    else if (bytes_equal_text(name, "flags") && word.count > 0) {
        text->upload.complete = memchr(word.data, 'c', word.count) != NULL;
        text->upload.foreign = memchr(word.data, 'f', word.count) != NULL;
        text->upload.damaged = memchr(word.data, 'd', word.count) != NULL;
        text->upload.invalidated = memchr(word.data, 'i', word.count) != NULL;
    }
}

static inline void ietf_text_read(struct bytes input, struct ietf_text *ret_text)
{
    struct bytes line = message_text_cut(&input, '\n');

    *ret_text = (struct ietf_text){ .framing = { .chunked = true } };
    message_text_fields(input, &ret_text->text);
    while (line.count > 0)
        ietf_text_word(message_text_cut(&line, ' '), ret_text);

    /* The store knows no others. */
    if (ret_text->upload.length.known && ret_text->upload.offset > ret_text->upload.length.bytes)
        ret_text->upload.offset = ret_text->upload.length.bytes;
}

/* Pieces of growing size: never more is taken than there is room for, and never less. */
static inline void ietf_text_takes_all_that_fits(struct ietf_body body, uint64_t offset)
{
    static const uint8_t bytes[512] = { 0 };
    uint64_t room = body.room, offered = 0, taken = 0;

    assert(offset + room <= IETF_SIZE_MAX);
    for (size_t count = 1; count <= sizeof(bytes); count *= 2) {
        struct bytes piece = bytes_of(bytes, count);
        int r = ietf_body_take(&body, &piece);
        offered += count;
        taken += piece.count;
        assert((r != 0) == (offered > room));
        assert(r == 0 || r == (int)body.beyond);
        assert(taken == (offered < room ? offered : room));
    }
}
