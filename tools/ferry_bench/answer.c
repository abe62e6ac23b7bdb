#include "tools/ferry_bench/answer.h"

#include <string.h>

#include "base/number.h"

size_t answer_header_bytes(struct bytes text)
{
    const uint8_t *end = memmem(text.data, text.count, "\r\n\r\n", 4);

    return end == NULL ? 0 : (size_t)(end - text.data) + 4;
}

static struct bytes trim(struct bytes text)
{
    while (text.count > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bytes_of(text.data + 1, text.count - 1);
    while (text.count > 0 &&
           (text.data[text.count - 1] == ' ' || text.data[text.count - 1] == '\t'))
        text.count--;
    return text;
}

/* "HTTP/1.1 204 No Content" */
static const char *status_parse(struct bytes line, struct answer *answer)
{
    static const char version[] = "HTTP/1.1 ";
    const size_t before = sizeof(version) - 1;
    uint64_t status;

    if (line.count < before + 3 || memcmp(line.data, version, before) != 0 ||
        !number_parse(bytes_of(line.data + before, 3), 599, &status))
        return "it does not begin with HTTP/1.1 and a status";
    answer->status = (unsigned)status;
    return NULL;
}

static const char *field_parse(struct bytes line, struct answer *answer)
{
    const uint8_t *colon = memchr(line.data, ':', line.count);
    if (colon == NULL)
        return "a line of its header has no colon";

    struct bytes name = bytes_of(line.data, (size_t)(colon - line.data));
    struct bytes value = trim(bytes_of(colon + 1, line.count - name.count - 1));
    if (bytes_equal_nocase(name, "Upload-Offset")) {
        answer->offset_known = number_parse(value, INT64_MAX, &answer->offset);
        return answer->offset_known ? NULL : "its Upload-Offset is no number";
    }
    if (bytes_equal_nocase(name, "Content-Length")) {
        answer->length_known = number_parse(value, INT64_MAX, &answer->length);
        return answer->length_known ? NULL : "its Content-Length is no number";
    }
    if (bytes_equal_nocase(name, "Location"))
        answer->location = value;
    if (bytes_equal_nocase(name, "Connection"))
        answer->closes = bytes_equal_nocase(value, "close");
    if (bytes_equal_nocase(name, "Transfer-Encoding"))
        answer->chunked = bytes_equal_nocase(value, "chunked");
    return NULL;
}

const char *answer_parse(struct bytes text, struct answer *ret_answer)
{
    struct answer answer = { .header_bytes = answer_header_bytes(text) };
    struct bytes rest = bytes_of(text.data, answer.header_bytes - 2);
    const char *wrong = NULL;

    for (bool first = true; rest.count > 0 && wrong == NULL; first = false) {
        const uint8_t *end = memmem(rest.data, rest.count, "\r\n", 2);
        struct bytes line = bytes_of(rest.data, (size_t)(end - rest.data));
        rest = bytes_of(end + 2, rest.count - line.count - 2);
        wrong = first ? status_parse(line, &answer) : field_parse(line, &answer);
    }
    if (wrong == NULL)
        *ret_answer = answer;
    return wrong;
}
