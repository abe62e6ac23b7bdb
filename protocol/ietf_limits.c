#include "protocol/ietf_limits.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/ietf_field.h"

uint64_t ietf_limits_longest(const struct ietf_limits *limits)
{
    return limits->max_size == 0 || limits->max_size > IETF_SIZE_MAX ? IETF_SIZE_MAX
                                                                     : limits->max_size;
}

static void limit_add(char text[static IETF_LIMITS_BYTES], const char *key, uint64_t value)
{
    size_t used = strlen(text);

    if (value > IETF_SIZE_MAX)
        value = IETF_SIZE_MAX;
    int count = snprintf(text + used, IETF_LIMITS_BYTES - used, "%s%s=%" PRIu64,
                         used == 0 ? "" : ", ", key, value);
    assert(count > 0 && (size_t)count < IETF_LIMITS_BYTES - used);
}

void ietf_limits_format(const struct ietf_limits *limits, const struct ietf_version *version,
                        int64_t lifetime_s, char text[static IETF_LIMITS_BYTES])
{
    text[0] = '\0';
    if (version->lifetime_key == NULL)
        return;

    if (limits->max_size > 0)
        limit_add(text, "max-size", limits->max_size);
    if (limits->min_size > 0)
        limit_add(text, "min-size", limits->min_size);
    if (limits->max_append_size > 0)
        limit_add(text, "max-append-size", limits->max_append_size);
    if (limits->min_append_size > 0)
        limit_add(text, "min-append-size", limits->min_append_size);
    if (lifetime_s >= 0)
        limit_add(text, version->lifetime_key, (uint64_t)lifetime_s);

    /* Where no limit applies, the field is not empty but says min-size=0. */
    if (text[0] == '\0')
        limit_add(text, "min-size", 0);
}
