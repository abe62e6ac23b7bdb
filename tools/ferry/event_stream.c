#include "tools/ferry/event_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"

enum {
    EVENT_RETRY_MS_MAX = 60 * 60 * 1000,
};

static const char byte_order_mark[] = "\xEF\xBB\xBF";

void event_stream_restart(struct event_stream *stream)
{
    stream->name[0] = '\0';
    stream->line_count = stream->data_count = 0;
    stream->begun = stream->return_seen = false;
}

void event_stream_done(struct event_stream *stream)
{
    free(stream->line);
    free(stream->data);
    *stream = (struct event_stream){ 0 };
}

static void text_set(struct bytes value, size_t size, char *ret_text)
{
    size_t count = value.count < size ? value.count : size - 1;

    memcpy(ret_text, value.data, count);
    ret_text[count] = '\0';
}

/* "If the field value does not contain U+0000 NULL, then set the last event ID buffer" */
static void stream_set_id(struct event_stream *stream, struct bytes value)
{
    if (value.count < EVENT_ID_BYTES && memchr(value.data, '\0', value.count) == NULL)
        text_set(value, EVENT_ID_BYTES, stream->id);
}

static bool stream_add_data(struct event_stream *stream, struct bytes value)
{
    if (value.count + 1 > EVENT_LINE_BYTES_MAX - stream->data_count)
        return false;
    memcpy(stream->data + stream->data_count, value.data, value.count);
    stream->data[stream->data_count + value.count] = '\n';
    stream->data_count += value.count + 1;
    return true;
}

static bool stream_field(struct event_stream *stream, struct bytes name, struct bytes value)
{
    uint64_t retry_ms = 0;

    if (bytes_equal_text(name, "data"))
        return stream_add_data(stream, value);
    if (bytes_equal_text(name, "event"))
        text_set(value, EVENT_NAME_BYTES, stream->name);
    if (bytes_equal_text(name, "id"))
        stream_set_id(stream, value);
    if (bytes_equal_text(name, "retry") && number_parse(value, EVENT_RETRY_MS_MAX, &retry_ms))
        stream->retry_ms = retry_ms;
    return true;
}

/* The empty line behind an event; "If the data buffer is an empty string [...] return" */
static bool stream_dispatch(struct event_stream *stream,
                            bool (*take)(void *context, const struct event *event), void *context)
{
    struct event event = { .name = stream->name[0] == '\0' ? "message" : stream->name };
    bool goes_on = true;

    if (stream->data_count > 0) {
        event.data = bytes_of(stream->data, stream->data_count - 1);
        goes_on = take(context, &event);
    }
    stream->name[0] = '\0';
    stream->data_count = 0;
    return goes_on;
}

static bool stream_line(struct event_stream *stream,
                        bool (*take)(void *context, const struct event *event), void *context)
{
    struct bytes line = bytes_of(stream->line, stream->line_count);
    size_t mark = strlen(byte_order_mark);

    stream->line_count = 0;
    if (!stream->begun && line.count >= mark && memcmp(line.data, byte_order_mark, mark) == 0)
        line = bytes_after(line, mark);
    stream->begun = true;
    if (line.count == 0)
        return stream_dispatch(stream, take, context);

    const uint8_t *colon = memchr(line.data, ':', line.count);
    size_t name = colon == NULL ? line.count : (size_t)(colon - line.data);
    struct bytes value = bytes_after(line, colon == NULL ? line.count : name + 1);
    if (value.count > 0 && *value.data == ' ')
        value = bytes_after(value, 1);
    return stream_field(stream, bytes_of(line.data, name), value); /* a comment has no name */
}

static bool stream_prepare(struct event_stream *stream)
{
    if (stream->line == NULL)
        stream->line = calloc(1, EVENT_LINE_BYTES_MAX);
    if (stream->data == NULL)
        stream->data = calloc(1, EVENT_LINE_BYTES_MAX);
    return stream->line != NULL && stream->data != NULL;
}

bool event_stream_take(struct event_stream *stream, struct bytes bytes,
                       bool (*take)(void *context, const struct event *event), void *context)
{
    if (!stream_prepare(stream))
        return false;
    for (size_t i = 0; i < bytes.count; i++) {
        char byte = (char)bytes.data[i];
        bool second = byte == '\n' && stream->return_seen; /* of "\r\n", which is one end */

        stream->return_seen = byte == '\r';
        if (second)
            continue;
        if (byte == '\n' || byte == '\r') {
            if (!stream_line(stream, take, context))
                return false;
        } else if (stream->line_count == EVENT_LINE_BYTES_MAX) {
            return false;
        } else {
            stream->line[stream->line_count++] = byte;
        }
    }
    return true;
}
