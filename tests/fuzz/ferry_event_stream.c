/* The events of a stream are the same however the network has cut it. The input is what a server sends. */

#include "tools/ferry/event_stream.h"

#include <assert.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* What was taken, in one number. */
struct taken {
    uint64_t sum, count;
};

static void taken_add(struct taken *taken, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.count; i++)
        taken->sum = (taken->sum ^ bytes.data[i]) * 0x100000001B3;
    taken->sum = (taken->sum ^ 0x100) * 0x100000001B3;
}

static bool take(void *context, const struct event *event)
{
    struct taken *taken = context;

    assert(strlen(event->name) < EVENT_NAME_BYTES);
    assert(event->data.count < EVENT_LINE_BYTES_MAX);
    taken_add(taken, bytes_of_text(event->name));
    taken_add(taken, event->data);
    taken->count++;
    return taken->count < 100;
}

/* In pieces of so many bytes; whether it went on to the end. */
static bool stream_in_pieces(struct bytes input, size_t piece, struct taken *taken)
{
    struct event_stream stream = { 0 };
    bool goes_on = true;

    while (goes_on && input.count > 0) {
        size_t count = input.count < piece ? input.count : piece;
        goes_on = event_stream_take(&stream, bytes_of(input.data, count), take, taken);
        input = bytes_after(input, count);
    }
    assert(strlen(stream.id) < EVENT_ID_BYTES);
    taken_add(taken, bytes_of_text(stream.id));
    taken_add(taken, bytes_of(&stream.retry_ms, sizeof(stream.retry_ms)));
    event_stream_done(&stream);
    return goes_on;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = { 1, 2, 7 };
    struct bytes input = bytes_of(data, size);
    struct taken whole = { 0 };

    bool goes_on = stream_in_pieces(input, size + 1, &whole);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct taken taken = { 0 };
        assert(stream_in_pieces(input, pieces[i], &taken) == goes_on);
        assert(taken.sum == whole.sum && taken.count == whole.count);
    }
    return 0;
}
