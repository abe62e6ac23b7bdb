#pragma once

/*
 * Content-Disposition of what is uploaded: its name
 *
 *     inline; filename="na_ve.mp4"; filename*=UTF-8''na%C3%AFve.mp4
 *
 *   Source  RFC 6266, 4 and appendix D; RFC 8187, 3.2
 */

/* The value; NULL for an empty name, or without memory. free() it. */
char *disposition_format(const char *name);
