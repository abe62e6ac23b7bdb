/* The events of a stream are those that stand there, and the same however the network has cut it. The input is what
 * a server sends. */

#include "tools/ferry/event_stream.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

enum {
    INPUT_BYTES_MAX = 4096
};

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

/* --- the same, by the book, of what is there as a whole --- */

struct book {
    char name[EVENT_NAME_BYTES], id[EVENT_ID_BYTES];
    char data[INPUT_BYTES_MAX];
    size_t data_count;
    uint64_t retry_ms;
};

static struct bytes book_line(struct bytes *input)
{
    size_t count = 0;

    while (count < input->count && input->data[count] != '\r' && input->data[count] != '\n')
        count++;
    struct bytes line = bytes_of(input->data, count);
    *input = bytes_after(*input, count);
    if (!bytes_start_with(*input, "\r\n"))
        *input = bytes_after(*input, input->count > 0 ? 1 : 0);
    else
        *input = bytes_after(*input, 2);
    return line;
}

static void book_field(struct book *book, struct bytes line)
{
    uint64_t number = 0;
    struct bytes name = message_text_cut(&line, ':');

    if (bytes_start_with(line, " "))
        line = bytes_after(line, 1);
    if (bytes_equal_text(name, "event"))
        (void)snprintf(book->name, sizeof(book->name), "%.*s", BYTES_ARGUMENT(line));
    else if (bytes_equal_text(name, "id") && line.count < sizeof(book->id) &&
             memchr(line.data, '\0', line.count) == NULL)
        (void)snprintf(book->id, sizeof(book->id), "%.*s", BYTES_ARGUMENT(line));
    else if (bytes_equal_text(name, "retry") && number_parse(line, 3600000, &number))
        book->retry_ms = number;
    else if (bytes_equal_text(name, "data")) {
        memcpy(book->data + book->data_count, line.data, line.count);
        book->data_count += line.count;
        book->data[book->data_count++] = '\n';
    }
}

/* "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string" */
static bool book_event(struct book *book, struct taken *taken)
{
    struct event event = { .name = *book->name == '\0' ? "message" : book->name };
    bool goes_on = true;

    if (book->data_count > 0) {
        event.data = bytes_of(book->data, book->data_count - 1);
        goes_on = take(taken, &event);
    }
    *book->name = '\0';
    book->data_count = 0;
    return goes_on;
}

static bool stream_by_the_book(struct bytes input, struct taken *taken)
{
    struct book book = { .name = "" };
    bool goes_on = true;

    if (bytes_start_with(input, "\xef\xbb\xbf"))
        input = bytes_after(input, 3);
    while (goes_on && (memchr(input.data, '\n', input.count) != NULL ||
                       memchr(input.data, '\r', input.count) != NULL)) {
        struct bytes line = book_line(&input);
        if (line.count == 0)
            goes_on = book_event(&book, taken);
        else
            book_field(&book, line);
    }
    taken_add(taken, bytes_of_text(book.id));
    taken_add(taken, bytes_of(&book.retry_ms, sizeof(book.retry_ms)));
    return goes_on;
}

static void is_the_same(const struct taken *one, const struct taken *other)
{
    assert(one->sum == other->sum && one->count == other->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = { 1, 2, 7 };
    struct bytes input = bytes_of(data, size);
    struct taken whole = { 0 }, book = { 0 };

    if (size == 0 || size > INPUT_BYTES_MAX)
        return 0;
    bool goes_on = stream_in_pieces(input, size + 1, &whole);
    assert(stream_by_the_book(input, &book) == goes_on);
    is_the_same(&book, &whole);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct taken taken = { 0 };
        assert(stream_in_pieces(input, pieces[i], &taken) == goes_on);
        is_the_same(&taken, &whole);
    }
    return 0;
}
