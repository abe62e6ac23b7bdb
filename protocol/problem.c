#include "protocol/problem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define REGISTRY "https://iana.org/assignments/http-problem-types#"

static const struct {
    const char *name, *title;
} table[PROBLEM_TYPE_COUNT] = {
    [PROBLEM_MISMATCHING_OFFSET] = { "mismatching-upload-offset",
                                     "offset from request does not match offset of resource" },
    [PROBLEM_INCONSISTENT_LENGTH] = { "inconsistent-upload-length",
                                      "inconsistent length values for upload" },
    [PROBLEM_COMPLETED] = { "completed-upload", "upload is already completed" },
};

void problem_format(enum problem_type type, uint64_t expected, uint64_t provided,
                    char text[static PROBLEM_BYTES])
{
    char offsets[96] = "";

    if (type == PROBLEM_MISMATCHING_OFFSET)
        (void)snprintf(offsets, sizeof(offsets),
                       ",\"expected-offset\":%" PRIu64 ",\"provided-offset\":%" PRIu64, expected,
                       provided);
    int count = snprintf(text, PROBLEM_BYTES, "{\"type\":\"" REGISTRY "%s\",\"title\":\"%s\"%s}",
                         table[type].name, table[type].title, offsets);
    assert(count > 0 && count < PROBLEM_BYTES);
}
