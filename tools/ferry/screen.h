#pragma once

/*
 * Screens: the whole terminal, a line at a time, until it is given back
 *
 * The terminal is given back whatever ends ferry, as far as a process can do something about it: by
 * screen_close(), and by signals that end it at once.
 *
 *   Threads  one
 */

#include <stdbool.h>
#include <stddef.h>

enum screen_key {
    SCREEN_KEY_NONE,
    SCREEN_KEY_QUIT,
    SCREEN_KEY_RESIZED,
};

/* 0, or a negative number and it is said: this is no terminal, or nobody knows how it works. */
int screen_open(void);
void screen_close(void);

size_t screen_lines(void);
size_t screen_columns(void);

/* An empty screen; what is put on it shows with screen_show(). */
void screen_begin(void);

/* Cut at the edge; the text is clean (text.h). Lines count from 0. */
void screen_put(size_t line, bool inverse, const char *text);
void screen_show(void);

/* The next key that has been pressed; keys of no meaning are skipped. */
enum screen_key screen_key(void);
