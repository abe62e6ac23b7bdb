#pragma once

/*
 * Dates in header fields (Upload-Expires, Date) and in JSON
 *
 * Whatever the locale and the time zone; the C library would look for a file of the latter.
 *
 *   Units    seconds since 1970-01-01 UTC
 *   Source   RFC 9110, 5.6.7 (IMF-fixdate); RFC 3339, 5.6
 */

#include <stdint.h>

enum {
    HTTP_DATE_BYTES = sizeof("Wed, 25 Jun 2014 16:00:00 GMT"),
    HTTP_DATE_RFC3339_BYTES = sizeof("2014-06-25T16:00:00Z"),
};

/* Before 1970 it says 1970, after 9999 the last second of that year: the form has no more room. */
void http_date_format(int64_t seconds, char text[static HTTP_DATE_BYTES]);
void http_date_format_rfc3339(int64_t seconds, char text[static HTTP_DATE_RFC3339_BYTES]);
