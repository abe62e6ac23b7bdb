#pragma once

/*
 * Dates in header fields: Upload-Expires, Date
 *
 *   Units    seconds since 1970-01-01 UTC
 *   Source   RFC 9110, 5.6.7: IMF-fixdate, whatever the locale and the time zone
 */

#include <stdint.h>

enum {
    HTTP_DATE_BYTES = sizeof("Wed, 25 Jun 2014 16:00:00 GMT")
};

/* Before 1970 it says 1970, after 9999 the last second of that year: the form has no more room. */
void http_date_format(int64_t seconds, char text[static HTTP_DATE_BYTES]);
