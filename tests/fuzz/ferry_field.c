/* A number that the client reads in an answer is one that the answer has, and no larger than may be. */

#include "tools/ferry/field.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

static void stands_in(struct bytes value, uint64_t number)
{
    char text[32];

    int count = snprintf(text, sizeof(text), "%" PRIu64, number);
    assert(count <= 15);
    assert(memmem(value.data, value.count, text, (size_t)count) != NULL);
}

/* The key, between a comma or the beginning and '='. */
static bool has_member(struct bytes value, const char *key)
{
    while (value.count > 0) {
        struct bytes member = message_text_cut(&value, ',');
        if (memchr(member.data, '=', member.count) != NULL &&
            bytes_equal_text(field_trim(message_text_cut(&member, '=')), key))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes value = bytes_of(data, size);
    uint64_t number = 77;
    bool flag = false;

    struct bytes trimmed = field_trim(value);
    assert(bytes_equal(field_trim(trimmed), trimmed));

    if (field_integer(value, &number))
        stands_in(value, number);
    else
        assert(number == 77);
    if (field_boolean(value, &flag))
        assert(memmem(data, size, flag ? "?1" : "?0", 2) != NULL);

    number = 77;
    if (field_member(value, "max-size", &number)) {
        stands_in(value, number);
        assert(has_member(value, "max-size"));
    } else {
        assert(number == 77);
    }
    return 0;
}
