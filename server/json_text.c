#include "server/json_text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
    LINES_BYTES = 64 * 1024 /* of the first piece of memory; it doubles */
};

char *json_text(struct json_t *json)
{
    AUTO_FREE char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *line = NULL;

    json_decref(json);
    return text != NULL && asprintf(&line, "%s\n", text) >= 0 ? line : NULL;
}

static int lines_take(const char *text, size_t count, void *argument)
{
    struct json_lines *lines = argument;

    if (count > lines->room - lines->count) {
        size_t room = 2 * lines->room + count + LINES_BYTES;
        char *larger = realloc(lines->text, room);
        if (larger == NULL)
            return -1;
        lines->text = larger;
        lines->room = room;
    }
    memcpy(lines->text + lines->count, text, count);
    lines->count += count;
    return 0;
}

void json_lines_add(struct json_lines *lines, const char *text)
{
    if (lines_take(text, strlen(text), lines) != 0)
        lines->broken = true;
}

void json_lines_add_value(struct json_lines *lines, struct json_t *json)
{
    if (json == NULL ||
        json_dump_callback(json, lines_take, lines, JSON_ENSURE_ASCII | JSON_ENCODE_ANY) != 0)
        lines->broken = true;
    json_decref(json);
}

char *json_lines_end(struct json_lines *lines)
{
    if (lines_take("", 1, lines) == 0 && !lines->broken)
        return lines->text;
    free(lines->text);
    return NULL;
}
