/* Whatever stands in a server's list, an upload is one line of the table; no wider than the screen, unless the server
 * has states and ids of its own. The input is the upload, in JSON. */

#include "tools/ferry/entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/terminal.h"
#include "tools/ferry/table.h"

static void is_one_line(const char *line)
{
    assert(strlen(line) < TABLE_LINE_BYTES);
    for (const char *at = line; *at != '\0'; at++)
        assert((unsigned char)*at >= ' ' && *at != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t screens[] = { 20, 80, 132 };
    json_t *object = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
    char line[TABLE_LINE_BYTES];
    struct entry entry;
    struct table table;

    terminal_start();
    bool read = entry_read(object, &entry);
    json_decref(object);
    for (size_t i = 0; read && i < sizeof(screens) / sizeof(screens[0]); i++) {
        table_lay_out(&entry, 1, i == 1, screens[i], &table);
        table_format_header(&table, line);
        is_one_line(line);
        table_format_entry(&table, &entry, i == 1 ? 1e12 : -1, 1700000000, line);
        is_one_line(line);
        assert(text_columns(line) <= screens[i] || strlen(entry.state) > strlen("invalidated") ||
               strlen(entry.id) > 32);
    }
    return 0;
}
