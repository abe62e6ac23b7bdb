#pragma once

/*
 * Text from elsewhere: file names, metadata and answers, made safe for where they go
 *
 * Such text is bytes, mostly UTF-8. A terminal must not obey it: control characters, also those
 * of Unicode that turn the direction of writing or are not seen, become '?'.
 */

#include <stddef.h>
#include <stdint.h>

/* Takes the environment's locale. Until then, everything beyond ASCII becomes '?'. */
void text_start(void);

/* The same for another thread than the one that text_start() was called in. */
void text_start_thread(void);

/* The next code point, and text behind it; U+FFFD for a byte that is not UTF-8. Not at the end. */
uint32_t text_next(const char **text);

/* One line for a terminal, cut to fit whole characters into size bytes. */
void text_clean(const char *text, size_t size, char *ret_clean);

/* For JSON: the same text with U+FFFD for what is not UTF-8. NULL without memory; free() it. */
char *text_to_utf8(const char *text, size_t count);

/* How many columns a clean text takes. */
size_t text_columns(const char *clean);

/* How many bytes of a clean text fit into so many columns. */
size_t text_fit(const char *clean, size_t columns);
