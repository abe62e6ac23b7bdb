#pragma once

/*
 * Dates in header fields (Upload-Expires, Date, Last-Modified and what is compared with it) and in
 * JSON
 *
 * Whatever the locale and the time zone; the C library would look for a file of the latter.
 *
 *   Units    seconds since 1970-01-01 UTC
 *   Source   RFC 9110, 5.6.7 (IMF-fixdate); RFC 3339, 5.6
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    HTTP_DATE_BYTES = sizeof("Wed, 25 Jun 2014 16:00:00 GMT"),
    HTTP_DATE_RFC3339_BYTES = sizeof("2014-06-25T16:00:00Z"),
};

/* Before 1970 it says 1970, after 9999 the last second of that year: the form has no more room. */
void http_date_format(int64_t seconds, char text[static HTTP_DATE_BYTES]);
void http_date_format_rfc3339(int64_t seconds, char text[static HTTP_DATE_RFC3339_BYTES]);

/*
 * Reads any of the three forms that HTTP has had. now decides between the centuries of a year with
 * two digits. False, and ret_seconds untouched, for anything else, and for dates that there are
 * not.
 */
bool http_date_parse(struct bytes text, int64_t now, int64_t *ret_seconds);
