#pragma once

/*
 * Text of a client's making, made safe to be shown, logged, sent in a header or used as a file name
 *
 * Every character that could do something instead of being seen becomes '_': control characters,
 * those that turn the direction of writing, separators of lines, and whatever is not UTF-8.
 *
 *   Source   tus 1.0.0, "Upload-Metadata": "Servers SHOULD carefully validate metadata values or
 *            sanitize them before using them as header values to avoid header smuggling";
 *            RFC 3629 (UTF-8)
 */

#include <stddef.h>

#include "base/bytes.h"

/*
 * Copies as much as there is room for, never a part of a character, and terminates it; room is at
 * least 1. Yields the bytes written, without the terminator.
 */
size_t safe_text(struct bytes text, char *ret_text, size_t room);

/*
 * The same for the name of one file: no '/', no '\', and no dot at its beginning, so that it is
 * never "." or "..", nor hidden. Empty when the text was.
 */
size_t safe_file_name(struct bytes text, char *ret_name, size_t room);
