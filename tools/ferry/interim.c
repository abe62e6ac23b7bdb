#include "tools/ferry/interim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "tools/ferry/field.h"

void interim_done(struct interim *interim)
{
    free(interim->location);
    *interim = (struct interim){ 0 };
}

/* "HTTP/1.1 104 Upload Resumption Supported"; by HTTP/2 there is no minor version, nor a reason. */
static void interim_begin(struct interim *interim, struct bytes line)
{
    const uint8_t *space = memchr(line.data, ' ', line.count);
    uint64_t status = 0;

    interim_done(interim);
    if (space == NULL || line.count - (size_t)(space - line.data) < 4 ||
        !number_parse(bytes_of(space + 1, 3), 199, &status) || status < 100)
        return;
    interim->status = (unsigned)status;
}

static void interim_field(struct interim *interim, struct bytes name, struct bytes value)
{
    if (bytes_equal_nocase(name, "Upload-Draft-Interop-Version"))
        (void)field_integer(value, &interim->version);
    if (bytes_equal_nocase(name, "Upload-Offset"))
        interim->offset_known = field_integer(value, &interim->offset);
    if (bytes_equal_nocase(name, "Location")) {
        free(interim->location);
        if (asprintf(&interim->location, "%.*s", (int)value.count, (const char *)value.data) < 0)
            interim->location = NULL;
    }
}

bool interim_take(struct interim *interim, struct bytes line)
{
    line = field_trim(line);
    if (bytes_start_with(line, "HTTP/")) {
        interim_begin(interim, line);
        return false;
    }
    if (interim->status == 0)
        return false;
    if (line.count == 0)
        return true;

    const uint8_t *colon = memchr(line.data, ':', line.count);
    if (colon == NULL)
        return false;
    size_t name = (size_t)(colon - line.data);
    interim_field(interim, bytes_of(line.data, name), field_trim(bytes_after(line, name + 1)));
    return false;
}
