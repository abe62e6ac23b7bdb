/* Whatever others have written, a terminal obeys none of it, and JSON has UTF-8. The first byte of the input is the
 * room. */

#include "tools/ferry/text.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/terminal.h"

static void is_clean(const char *clean, size_t size)
{
    char again[256];
    size_t columns = text_columns(clean);

    assert(strlen(clean) < size);
    for (const char *at = clean; *at != '\0'; at++)
        assert((unsigned char)*at >= ' ' && *at != 0x7f);
    text_clean(clean, sizeof(again), again);
    assert(strcmp(again, clean) == 0);

    assert(text_fit(clean, columns) == strlen(clean));
    for (size_t room = 0; room < columns; room++)
        assert(text_fit(clean, room) < strlen(clean));
}

static void is_utf8(struct bytes text)
{
    uint32_t code;

    while (text.count > 0) {
        size_t count = utf8_character(text, &code);
        assert(count > 0);
        text = bytes_after(text, count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char clean[256];

    if (size == 0)
        return 0;
    terminal_start();
    AUTO_FREE char *text = fuzz_text(data + 1, size - 1);
    AUTO_FREE char *utf8 = text == NULL ? NULL : text_to_utf8(text, size - 1);
    size_t room = data[0] == 0 ? 1 : data[0];
    if (text == NULL || utf8 == NULL)
        return 0;
    text_clean(text, room, clean);
    is_clean(clean, room);
    is_utf8(bytes_of_text(utf8));
    return 0;
}
