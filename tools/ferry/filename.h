#pragma once

/*
 * File names of downloads: what the server suggests, made safe
 *
 * The server is not trusted with it: the result is one name in one folder, neither hidden nor
 * taken for an option, without control characters.
 *
 *   Source  RFC 6266 (Content-Disposition), RFC 8187 (filename*)
 */

/*
 * From filename*, filename, or the last segment of the URL's path, whichever is there first;
 * "download" where all of them say nothing. disposition may be NULL. free() it.
 */
char *filename_of(const char *disposition, const char *url);
