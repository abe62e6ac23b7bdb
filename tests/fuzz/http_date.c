/* A date that is read means the same when it is written in the form that is in use. */

#include "protocol/http_date.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT": nobody looks at the day of the week, and a second 60 is the next minute's. */
static bool in_the_form_in_use(const uint8_t *data, size_t size)
{
    return size == HTTP_DATE_BYTES - 1 && data[3] == ',' && data[23] != '6';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[HTTP_DATE_BYTES];
    int64_t seconds = 77, again;

    if (!http_date_parse(bytes_of(data, size), 1700000000, &seconds)) {
        assert(seconds == 77);
        return 0;
    }
    if (seconds < 0 || seconds > INT64_C(253402300799))
        return 0; /* it has no room for them */
    http_date_format(seconds, text);
    if (in_the_form_in_use(data, size))
        assert(memcmp(data + 3, text + 3, size - 3) == 0);
    assert(http_date_parse(bytes_of_text(text), 1700000000, &again));
    assert(again == seconds);
    return 0;
}
