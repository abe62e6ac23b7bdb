#pragma once

/* What the fuzzers of texts for a terminal have in common: one that shows UTF-8, whichever of them is called first. */

#include <locale.h>
#include <stdlib.h>

#include "tools/ferry/text.h"

static inline void terminal_start(void)
{
    if (uselocale((locale_t)0) != LC_GLOBAL_LOCALE)
        return; /* text_start() has been called */
    (void)setenv("LC_ALL", "C.UTF-8", 1); /* NOLINT(concurrency-mt-unsafe): before any thread */
    text_start();
}
