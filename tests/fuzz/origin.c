/* An origin that is in a list stands there, whole. In the first line a list, then an origin. */

#include "protocol/origin.h"

#include <assert.h>
#include <strings.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

static bool edge(struct bytes list, size_t at)
{
    return at >= list.count || list.data[at] == ',' || list.data[at] == ' ';
}

static bool stands_in(struct bytes list, struct bytes origin)
{
    for (size_t i = 0; i + origin.count <= list.count; i++)
        if (strncasecmp((const char *)list.data + i, (const char *)origin.data, origin.count) ==
                0 &&
            (i == 0 || edge(list, i - 1)) && edge(list, i + origin.count))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    struct bytes list = message_text_cut(&input, '\n');

    if (!origin_list_valid(list) || memchr(data, '\0', size) != NULL)
        return 0;
    if (origin_list_has_all(list))
        return 0;
    if (origin_list_has(list, input)) {
        assert(stands_in(list, input));
        assert(memchr(input.data, ',', input.count) == NULL);
        assert(memchr(input.data, ' ', input.count) == NULL);
        assert(memmem(input.data, input.count, "://", 3) != NULL);
        assert(!bytes_equal_text(input, "null"));
    }
    return 0;
}
