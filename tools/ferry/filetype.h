#pragma once

/*
 * File types: the media type that a file's name suggests, for the metadata "filetype"
 */

/* "video/mp4" for "holiday.MP4"; "application/octet-stream" where the name says nothing. */
const char *filetype_of(const char *name);
