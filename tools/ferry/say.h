#pragma once

/*
 * What the client says on standard error
 *
 * One line each, "ferry: " before it, made safe for a terminal. The progress bar is the last line
 * of the terminal: it makes room for a sentence and comes back with its next change.
 *
 *   Threads  any
 */

#include <stdbool.h>
#include <stddef.h>

/* Without sentences that are not errors, from now on (--quiet): before there are threads. */
void say_only_errors(void);

__attribute__((format(printf, 1, 2))) void say_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void say_note(const char *format, ...);

/* Like say_error() with errno's text behind it; yields -errno. */
__attribute__((format(printf, 1, 2))) int say_errno(const char *format, ...);

/* Standard error is a terminal that can go back to the beginning of a line. */
bool say_on_terminal(void);

/* The columns that a bar may have. */
size_t say_bar_columns(void);

/* Writes the bar over the one before; with NULL it goes away. */
void say_bar(const char *line);
