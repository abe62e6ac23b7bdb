#pragma once

/*
 * What the fuzzers of tus requests read: in the first line what the headers do not say, then fields
 *
 *     offset=70 length=100 max=1000 body=30 flags=cfdi
 *     Tus-Resumable: 1.0.0
 *
 * Words that are missing mean 0, an unknown length, no limit, a chunked body.
 */

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "protocol/tus_append.h"
#include "tests/protocol/message_text.h"

struct tus_text {
    struct message_text text;
    struct tus_upload upload;
    struct tus_limits limits;
    struct framing framing;
};

static inline void tus_text_word(struct bytes word, struct tus_text *text)
{
    struct bytes name = message_text_cut(&word, '=');
    uint64_t number = 0;

    (void)number_parse(word, INT64_MAX, &number);
    if (bytes_equal_text(name, "offset"))
        text->upload.offset = number;
    else if (bytes_equal_text(name, "length"))
        text->upload.length = (struct tus_length){ .known = true, .bytes = number };
    else if (bytes_equal_text(name, "max"))
        text->limits.max_size = number;
    else if (bytes_equal_text(name, "body"))
        text->framing = (struct framing){ .length = number };
    else if (bytes_equal_text(name, "flags") && word.count > 0) {
        text->upload.complete = memchr(word.data, 'c', word.count) != NULL;
        text->upload.final = memchr(word.data, 'f', word.count) != NULL;
        text->upload.damaged = memchr(word.data, 'd', word.count) != NULL;
        text->upload.invalidated = memchr(word.data, 'i', word.count) != NULL;
    }
}

static inline void tus_text_read(struct bytes input, struct tus_text *ret_text)
{
    struct bytes line = message_text_cut(&input, '\n');

    *ret_text = (struct tus_text){ .framing = { .chunked = true } };
    message_text_fields(input, &ret_text->text);
    while (line.count > 0)
        tus_text_word(message_text_cut(&line, ' '), ret_text);

    /* The store knows no others. */
    if (ret_text->upload.length.known && ret_text->upload.offset > ret_text->upload.length.bytes)
        ret_text->upload.offset = ret_text->upload.length.bytes;
}

/* The field's value is the number, but for zeros before it, and stands there once. */
static inline void tus_text_states(const struct message *message, const char *name, uint64_t number)
{
    char expected[32];
    struct bytes value = { 0 };

    assert(message_field_count(message, name) == 1);
    assert(message_field(message, name, &value));
    while (value.count > 1 && value.data[0] == '0')
        value = bytes_after(value, 1);
    (void)snprintf(expected, sizeof(expected), "%" PRIu64, number);
    assert(bytes_equal_text(value, expected));
}

static inline void tus_text_states_length(const struct message *message, struct tus_length length)
{
    if (length.known)
        tus_text_states(message, "Upload-Length", length.bytes);
    else
        assert(message_field_count(message, "Upload-Length") == 0);
}

/* Pieces of growing size: never more is taken than there is room for, and never less. */
static inline void tus_text_takes_all_that_fits(struct tus_body body, uint64_t offset)
{
    static const uint8_t bytes[512] = { 0 };
    uint64_t room = body.room, offered = 0, taken = 0;

    assert(offset + room <= INT64_MAX);
    for (size_t count = 1; count <= sizeof(bytes); count *= 2) {
        struct bytes piece = bytes_of(bytes, count);
        int r = tus_body_take(&body, &piece);
        offered += count;
        taken += piece.count;
        assert((r != 0) == (offered > room));
        assert(r == 0 || r == (int)body.beyond);
        assert(taken == (offered < room ? offered : room));
        assert(body.room == room - taken);
    }

    enum tus_end end = tus_body_end(&body, offset + taken);
    assert(end != TUS_END_FINISH || offset + taken == body.length.bytes);
    assert((end == TUS_END_NOTHING) == body.complete);
}
