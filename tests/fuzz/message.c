/* A message that is accepted has one reading only. The input is a request line and fields, in
 * lines. */

#include "protocol/message.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "protocol/choice.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

/* Digits without the zeros before them. */
static bool number_is(struct bytes text, uint64_t number)
{
    char expected[32];

    (void)snprintf(expected, sizeof(expected), "%" PRIu64, number);
    while (text.count > 1 && text.data[0] == '0')
        text = bytes_after(text, 1);
    return bytes_equal_text(text, expected);
}

static void frames_one_way(const struct message *message, const struct framing *framing)
{
    size_t lengths = message_field_count(message, "Content-Length");
    size_t codings = message_field_count(message, "Transfer-Encoding");
    struct bytes value = { 0 };

    assert(lengths + codings <= 1);
    assert(framing->chunked == (codings == 1));
    assert(!framing->chunked || framing->length == 0);
    if (message_field(message, "Content-Length", &value))
        assert(number_is(value, framing->length));
    else
        assert(framing->length == 0);
    assert(!framing->expect_continue || framing->chunked || framing->length > 0);
    assert(!framing->chunked || framing->interim_understood);
    assert(message_field_count(message, "Host") == 1 || !framing->interim_understood);
}

static void has_no_controls(struct bytes text, const char *but)
{
    for (size_t i = 0; i < text.count; i++)
        assert((text.data[i] >= ' ' && text.data[i] != 0x7f) ||
               (text.data[i] != '\0' && strchr(but, text.data[i]) != NULL));
}

static void is_clean(const struct message *message)
{
    assert(token_valid(message->method));
    has_no_controls(message->target, "");
    for (size_t i = 0; i < message->field_count; i++) {
        assert(token_valid(message->fields[i].name));
        has_no_controls(message->fields[i].value, "\t");
    }
}

static void target_has_a_path(struct bytes text)
{
    struct target target = { .path = bytes_of_text("untouched") };

    if (target_parse(text, &target) != 0) {
        assert(bytes_equal_text(target.path, "untouched"));
        return;
    }
    assert(bytes_start_with(target.path, "/") || bytes_equal_text(target.path, "*"));
    assert(memchr(target.path.data, '?', target.path.count) == NULL);
    assert(target.query.data + target.query.count == text.data + text.count);
    assert(bytes_start_with(text, "/") == (target.path.data == text.data) ||
           bytes_equal_text(target.path, "*"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_text text;
    struct framing framing = { .length = 77 };

    if (size == 0)
        return 0;
    message_text_whole(bytes_of(data, size), &text);
    (void)protocol_choose(&text.message);
    target_has_a_path(text.message.target);

    int r = message_check(&text.message, &framing);
    if (r != 0) {
        assert(framing.length == 77);
        return 0;
    }
    is_clean(&text.message);
    frames_one_way(&text.message, &framing);
    return 0;
}
