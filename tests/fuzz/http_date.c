/* A date that is read means the same when it is written in the form that is in use. */

#include "protocol/http_date.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"

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
    assert(http_date_parse(bytes_of_text(text), 1700000000, &again));
    assert(again == seconds);
    return 0;
}
