#pragma once

/*
 * JSON as it is answered: indented, in ASCII, with a line feed at its end
 *
 * All else is escaped, so that what clients have put into it does no harm on a terminal and in a log.
 *
 *   Source   RFC 8259
 */

#include <stdbool.h>
#include <stddef.h>

struct json_t;

/* Takes the value, which may be NULL. The caller frees the text; NULL when there is no memory. */
char *json_text(struct json_t *json);

/*
 * A text of many values, each on a line of its own and made a text of at once: a thousand of them in one value
 * take half as long again, for finding and giving back memory.
 *
 * Calling sequence:  { json_lines_add, json_lines_add_value }  json_lines_end
 */
struct json_lines {
    char *text; /* zeroed in the beginning, like the others */
    size_t count, room;
    bool broken; /* there was no memory */
};

/* What stands between values. */
void json_lines_add(struct json_lines *lines, const char *text);

/* Takes the value, which may be NULL. */
void json_lines_add_value(struct json_lines *lines, struct json_t *json);

/* The caller frees the text; NULL when there was no memory. */
char *json_lines_end(struct json_lines *lines);
