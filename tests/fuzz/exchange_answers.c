#include "tests/fuzz/exchange_answers.h"

#include <assert.h>
#include <string.h>

#include "base/number.h"
#include "protocol/message.h"

/* What stands before the text, taken off the rest; false when it does not come. */
static bool cut(struct bytes *rest, const char *text, struct bytes *ret_piece)
{
    const uint8_t *end = memmem(rest->data, rest->count, text, strlen(text));

    if (end == NULL)
        return false;
    *ret_piece = bytes_of(rest->data, (size_t)(end - rest->data));
    *rest = bytes_after(*rest, ret_piece->count + strlen(text));
    return true;
}

static void field_check(struct bytes line, bool *length_known, uint64_t *length)
{
    struct bytes name;

    assert(cut(&line, ": ", &name));
    assert(token_valid(name) && field_value_valid(line));
    if (bytes_equal_nocase(name, "Content-Length")) {
        assert(!*length_known); /* once */
        *length_known = number_parse(line, INT64_MAX, length);
        assert(*length_known);
    }
    assert(!bytes_equal_nocase(name, "Transfer-Encoding")); /* nothing here is sent in chunks */
}

static unsigned status_of(struct bytes line)
{
    uint64_t status = 0;

    assert(line.count > strlen("HTTP/1.1 200") && bytes_start_with(line, "HTTP/1.1 "));
    assert(number_parse(bytes_of(line.data + strlen("HTTP/1.1 "), 3), 599, &status));
    assert(status >= 100);
    return (unsigned)status;
}

/*
 * One answer, taken off the rest. False when it cannot be told where the next one begins: behind an answer to HEAD,
 * whose content is announced and does not come; or at the end.
 */
static bool answer_take(struct bytes *rest, bool whole)
{
    struct bytes header, line;
    bool length_known = false;
    uint64_t length = 0;

    if (!cut(rest, "\r\n\r\n", &header)) {
        assert(!whole);
        return false;
    }
    bool more = cut(&header, "\r\n", &line);
    unsigned status = status_of(more ? line : header);
    while (more) {
        more = cut(&header, "\r\n", &line);
        field_check(more ? line : header, &length_known, &length);
    }
    if (status < 200 || status == 204 || status == 304)
        return true;
    if (!length_known || rest->count == 0 || bytes_start_with(*rest, "HTTP/1.1 "))
        return length_known && length == 0;

    assert(!whole || length <= rest->count);
    *rest = bytes_after(*rest, length < rest->count ? (size_t)length : rest->count);
    return true;
}

void exchange_answers_check(struct bytes answers, bool whole)
{
    while (answers.count > 0 && answer_take(&answers, whole))
        continue;
}
