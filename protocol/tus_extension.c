#include "protocol/tus_extension.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* needs: "if the Server does not offer the Creation extension, it MUST NOT offer the Creation With
 * Upload extension either"  — tus, Creation With Upload; the other two extend another one
 * likewise */
static const struct {
    enum tus_extension extension;
    unsigned needs;
    const char *name;
} table[] = {
    /* clang-format off */
    { TUS_CREATION,                 0,                 "creation" },
    { TUS_CREATION_WITH_UPLOAD,     TUS_CREATION,      "creation-with-upload" },
    { TUS_CREATION_DEFER_LENGTH,    TUS_CREATION,      "creation-defer-length" },
    { TUS_EXPIRATION,               0,                 "expiration" },
    { TUS_CHECKSUM,                 0,                 "checksum" },
    { TUS_CHECKSUM_TRAILER,         TUS_CHECKSUM,      "checksum-trailer" },
    { TUS_TERMINATION,              0,                 "termination" },
    { TUS_CONCATENATION,            0,                 "concatenation" },
    { TUS_CONCATENATION_UNFINISHED, TUS_CONCATENATION, "concatenation-unfinished" },
    /* clang-format on */
};

void tus_extensions_format(unsigned extensions, char text[static TUS_EXTENSIONS_BYTES])
{
    size_t used = 0;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if ((extensions & table[i].extension) == 0)
            continue;

        size_t count = strlen(table[i].name);
        assert((extensions & table[i].needs) == table[i].needs);
        assert(used + count + 2 <= TUS_EXTENSIONS_BYTES);
        if (used > 0)
            text[used++] = ',';
        memcpy(text + used, table[i].name, count);
        used += count;
    }
    text[used] = '\0';
}
