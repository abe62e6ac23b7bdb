#pragma once

/*
 * JSON as it is answered: indented, in ASCII, with a line feed at its end
 *
 * All else is escaped, so that what clients have put into it does no harm on a terminal and in a log.
 *
 *   Source   RFC 8259
 */

struct json_t;

/* Takes the value, which may be NULL. The caller frees the text; NULL when there is no memory. */
char *json_text(struct json_t *json);
