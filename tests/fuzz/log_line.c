/* Whatever is logged, it is one line, without controls, and an object where it is to be one. The first line of the
 * input is the sentence, the rest a field. */

#include "base/log_line.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

/* Up to its line feed. */
static void is_one_line(struct bytes line)
{
    assert(line.count > 0 && line.count <= LOG_LINE_BYTES);
    assert(line.data[line.count - 1] == '\n');
    for (size_t i = 0; i + 1 < line.count; i++)
        assert(line.data[i] >= ' ' && line.data[i] != 0x7f);
}

/* Behind the sentence, no byte of the value is any that would end it. */
static void is_one_value(struct bytes line)
{
    const uint8_t *value = memmem(line.data, line.count, " name=", strlen(" name="));

    assert(value != NULL);
    line = bytes_after(line, (size_t)(value - line.data) + strlen(" name="));
    for (size_t i = 0; i + 1 < line.count; i++)
        assert(line.data[i] > ' ' && line.data[i] < 0x7f && line.data[i] != '"');
}

/* A string of JSON, from its quote on, taken off the rest. */
static void string_take(struct bytes *rest)
{
    uint32_t code;

    assert(bytes_start_with(*rest, "\""));
    *rest = bytes_after(*rest, 1);
    while (!bytes_start_with(*rest, "\"")) {
        size_t count = utf8_character(*rest, &code);
        assert(count > 0);
        if (code == '\\') {
            count = bytes_start_with(*rest, "\\u") ? 6 : 2;
            assert(rest->count > count && strchr("\"\\u", rest->data[1]) != NULL);
        }
        *rest = bytes_after(*rest, count);
    }
    *rest = bytes_after(*rest, 1);
}

/* Nothing but strings: the fields here have no numbers. */
static void is_an_object(struct bytes rest)
{
    assert(bytes_start_with(rest, "{"));
    do {
        rest = bytes_after(rest, 1);
        string_take(&rest);
        assert(bytes_start_with(rest, ":"));
        rest = bytes_after(rest, 1);
        string_take(&rest);
    } while (bytes_start_with(rest, ","));
    assert(bytes_equal_text(rest, "}\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size), sentence = message_text_cut(&rest, '\n');
    AUTO_FREE char *message = fuzz_text(sentence.data, sentence.count);
    const struct log_field field = { .name = "name", .kind = LOG_FIELD_TEXT, .text = rest };
    const struct timespec now = { .tv_sec = 1700000000 };
    char line[LOG_LINE_BYTES];

    if (message == NULL || size == 0)
        return 0;
    for (enum log_shape shape = LOG_SHAPE_JOURNAL; shape <= LOG_SHAPE_JSON; shape++) {
        size_t count =
            log_line_format(line, shape, now, LOG_LEVEL_INFO, "fuzz", message, &field, 1);
        is_one_line(bytes_of(line, count));
        count = log_line_format(line, shape, now, LOG_LEVEL_INFO, "fuzz", NULL, &field, 1);
        is_one_line(bytes_of(line, count));
        if (shape != LOG_SHAPE_JSON)
            is_one_value(bytes_of(line, count));
    }
    is_an_object(bytes_of(line, log_line_format(line, LOG_SHAPE_JSON, now, LOG_LEVEL_INFO, "fuzz",
                                                message, &field, 1)));
    return 0;
}
